// What the demo SAM is asked to find in a generated scene, drawn from a seed. No Torch.
//
// Two kinds of task. Interactive: one instance, asked for by a point or a box, then corrected by
// clicks. Guided: one instance or a group (some, all of a kind, all in the picture), asked for by a
// mask prompt alone, which is a spoilt copy of the truth. The second is what AutoSAM needs of its
// frozen decoder: to follow a dense prompt to fine detail, and to put it right where the picture
// says otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/segmentation/generated/scene.h"

namespace tessera::segmentation {

/// Labels of a scene fit a byte; 0 is background.
inline constexpr int kMaxInstances = 255;

/// Corners in pixels, x0 y0 x1 y1; the corners belong to the box.
using PixelBox = std::array<float, 4>;

/// A scene as training keeps it: small, and with what targets are drawn from.
struct PreparedScene {
  int size = 0;
  std::vector<uint8_t> rgb;     // (size, size, 3)
  std::vector<uint8_t> labels;  // (size, size)
  std::vector<PixelBox> boxes;  // by instance (label - 1), around its visible pixels
  std::vector<int> groups;      // by instance
};

/// Throws InvalidArgument unless the scene is square, with 1 to kMaxInstances instances.
PreparedScene prepare(const Scene& scene);

/// The scene numbered `index` of a stream of scenes; one without instances is drawn anew.
PreparedScene make_prepared_scene(const SceneSettings& settings, uint64_t seed, int64_t index);

/// A value by label.
using LabelTable = std::array<float, kMaxInstances + 1>;

struct InteractiveTarget {
  int label = 1;
  LabelTable members{};  // 1 for the target's label, else 0
  PixelBox drawn_box{};  // as a user draws it: mostly exact, else with_noise()
};

/// SAM's noise: each coordinate moves by a deviation of a tenth of the side, at most 20 pixels of
/// 1024 (20 of `size` / 1024 here). The box stays inside the picture and keeps an area.
PixelBox with_noise(const PixelBox& box, int size, Random& random);

/// Share of the boxes that are drawn exactly. With noise on all of them the model never learns to
/// trust a box: its masks reached beyond it, and cut at the box they scored .800 where they had
/// .767.
inline constexpr float kExactBoxes = 0.65f;

/// `count` targets, all different while there are instances left.
std::vector<InteractiveTarget> draw_interactive(const PreparedScene& scene, int count,
                                                Random& random);

/// How a mask prompt is spoilt beyond its evidence; see spoil_masks.
struct Spoiling {
  float shift_x = 0, shift_y = 0;  // fractions of the side
  float growth = 1;                // about the picture's middle
  float blur = 0;                  // deviation, mask pixels; 0 for none
  float bias = 0;                  // added after blurring: grows or shrinks what is there
  std::array<float, 3> blobs{};    // amplitudes of smooth noise, coarse to fine
  float block = 0;                 // 0 none, 1 or 2: coarser and coarser squares
  float sharpness = 0;             // 0 none
  float grain = 0;                 // noise of single pixels
  float magnitude = 8;             // logit of full confidence
};

struct GuidedTarget {
  LabelTable members{};
  /// What the prompt says of each label, -1 (surely not) to 1 (surely). A member it misses and a
  /// stranger it takes in are said with less confidence, as the right ones are not.
  LabelTable evidence{};
  Spoiling spoiling;
};

GuidedTarget draw_guided(const PreparedScene& scene, Random& random);

}  // namespace tessera::segmentation
