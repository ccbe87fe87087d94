// What a scene shows, in the terms of its prompt.
#pragma once

#include <string>
#include <vector>

#include "tessera/core/random.h"

namespace tessera::video {

enum class ObjectShape { kCircle, kSquare, kTriangle, kStar, kRing, kCross };

enum class ObjectFill { kPlain, kStriped, kDotted, kCheckered };

enum class GroundTexture { kPlain, kStriped, kCheckered, kCloudy };

/// All objects of a scene move alike.
enum class Motion {
  kLeft,
  kRight,
  kUp,
  kDown,
  kStill,
  kSpinning,
  kGrowing,
  kShrinking,
  kBouncing,
  kCircling,
};

enum class Panning { kNone, kLeft, kRight };

/// Equal objects.
struct ObjectGroup {
  ObjectShape shape = ObjectShape::kCircle;
  ObjectFill fill = ObjectFill::kPlain;
  int colour = 0;  // row of kObjectPalette
  int count = 1;
};

struct Attributes {
  std::vector<ObjectGroup> groups;  // one, or two of one object each; at most kMaxObjects objects
  Motion motion = Motion::kStill;
  GroundTexture ground = GroundTexture::kPlain;
  int ground_colour = 0;  // row of kGroundPalette
  bool has_bars = false;
  Panning panning = Panning::kNone;
  std::string prompt;  // may leave some of the above unsaid
};

/// Draws a scene's attributes and its prompt: at most 16 words, all of demo_vocabulary().
Attributes sample_attributes(Random& random);

}  // namespace tessera::video
