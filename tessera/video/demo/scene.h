// A scene: every number that the renderer needs.
//
// Lengths are in heights of the frame: y goes down from 0 to 1, x right from 0 to width / height.
// Angles are radians, clockwise on the screen.
#pragma once

#include <array>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/video/demo/attributes.h"
#include "tessera/video/demo/clip_shape.h"

namespace tessera::video {

inline constexpr int kMaxObjects = 3;
inline constexpr int kNumWaves = 4;

using Rgb = std::array<float, 3>;  // in [0, 1]

/// Where an object is in one frame.
struct Pose {
  float x = 0, y = 0, radius = 0.1f, angle = 0;
};

struct SceneObject {
  ObjectShape shape = ObjectShape::kCircle;
  ObjectFill fill = ObjectFill::kPlain;
  float fill_frequency = 1;  // cycles a radius
  float fill_angle = 0;
  float fill_phase = 0;  // cycles
  Rgb base = {}, alternate = {};
  std::vector<Pose> path;  // [F]
};

/// cos(2 pi (x_frequency x + y_frequency y + phase)).
struct Wave {
  float x_frequency = 0, y_frequency = 0, phase = 0;
};

struct Ground {
  GroundTexture texture = GroundTexture::kPlain;
  float frequency = 1;  // cycles a height
  float angle = 0;
  float phase = 0;  // cycles
  Rgb base = {}, alternate = {};
  float light = 0;  // relative brightness at the lower edge less that at the upper edge
  std::array<Wave, kNumWaves> waves = {};  // of GroundTexture::kCloudy
};

/// Grey posts before everything else.
struct Bars {
  bool is_present = false;
  float period = 0.6f;
  float half_width = 0.07f;
  float phase = 0;  // cycles
};

struct Scene {
  Ground ground;
  std::vector<SceneObject> objects;  // back to front, at most kMaxObjects
  Bars bars;
  std::vector<float> camera;  // [F], how far ground and bars have moved right
};

/// Draws sizes, places, paths and tints for the attributes. The discs
/// of every object's radius stay in the frame (corners of a star or triangle may touch its edge).
Scene make_scene(const Attributes& attributes, const ClipShape& shape, Random& random);

}  // namespace tessera::video
