// Everything about the clips that is drawn by chance, and the colours: one place to tune them.
//
// Lengths are in heights of the frame, angles in radians, colours in [0, 1].
#pragma once

#include <array>
#include <numbers>

#include "tessera/video/demo/scene.h"

namespace tessera::video::distribution {

/// Uniform in [low, high).
struct Range {
  double low, high;
};

// What a scene shows. A table holds the probability of each value of the enumeration.
inline constexpr double kTwoGroups = 0.25;                // "a red circle and a blue square"
inline constexpr std::array kCount = {0.40, 0.32, 0.28};  // of objects, with one group
inline constexpr std::array kMotion = {0.12, 0.12, 0.10, 0.10, 0.10, 0.10, 0.09, 0.09, 0.09, 0.09};
inline constexpr std::array kFill = {0.58, 0.14, 0.14, 0.14};
inline constexpr std::array kGroundTexture = {0.46, 0.18, 0.18, 0.18};
inline constexpr std::array kPanning = {0.80, 0.10, 0.10};
inline constexpr double kBars = 0.10;

// What the prompt says of it. Counts, shapes, bars and panning are always said.
inline constexpr double kSayFill = 0.92;
inline constexpr double kSayColour = 0.93;
inline constexpr double kSayMotion = 0.92;
inline constexpr double kSayGround = 0.88;  // at all; then its parts:
inline constexpr double kSayGroundTexture = 0.92;
inline constexpr double kSayGroundColour = 0.92;

// Sizes. A frame that is higher than wide scales the radius with its width.
inline constexpr std::array<Range, kMaxObjects> kRadius = {
    {{0.24, 0.33}, {0.19, 0.25}, {0.16, 0.20}}};           // by the number of objects
inline constexpr Range kRadiusOfOne = {0.92, 1.0};         // times the scene's radius
inline constexpr double kMargin = 1.2;                     // centre to the frame's edge, radii
inline constexpr double kTouching = 0.12;                  // scenes whose objects may overlap
inline constexpr double kTouchingGap = -0.5, kGap = 0.25;  // wanted between objects, radii
inline constexpr int kMaxLayouts = 96;                     // tries to find it

// Motion over a whole film; `room` is what the centre has to move in.
inline constexpr Range kSideways = {0.50, 0.85};      // of the room
inline constexpr double kMaxSideways = 0.9;           // heights
inline constexpr double kSidewaysWhilePanning = 0.6;  // of what it would be
inline constexpr Range kUpAndDown = {0.55, 0.90};     // of the room, jumps too
inline constexpr Range kTurn = {2.4, 3.8};            // spinning, either way
inline constexpr double kSmallest = 0.5;              // growing and shrinking, of the full size
inline constexpr int kJumps = 2;
inline constexpr Range kOrbit = {0.30, 0.45};  // radius, of the smaller room
inline constexpr Range kPan = {0.25, 0.40};    // heights
inline constexpr double kMaxPan = 0.45;        // of the room
inline constexpr Range kTilt = {-0.2, 0.2};    // of each object

// Textures. Frequencies by kind: of fills in cycles a radius, of grounds in cycles a height.
inline constexpr std::array<Range, 4> kFillFrequency = {
    {{1.0, 1.0}, {1.05, 1.45}, {1.3, 1.6}, {0.65, 0.85}}};
inline constexpr std::array<Range, 4> kGroundFrequency = {
    {{1.0, 1.0}, {1.5, 2.4}, {1.1, 1.7}, {1.0, 1.0}}};
inline constexpr Range kTextureAngle = {0, std::numbers::pi};
inline constexpr Range kCloudFrequency = {0.4, 1.3};
inline constexpr Range kLight = {-0.3, 0.3};  // from top to bottom of the ground
inline constexpr Range kBarPeriod = {0.50, 0.70};
inline constexpr Range kBarHalfWidth = {0.055, 0.08};
inline constexpr float kNoise = 0.0f;  // standard deviation, in the range [-1, 1]

// Colours, in the order of kObjectColourWords and kGroundColourWords, and their second tones.
inline constexpr Range kTint = {-0.04, 0.04};
inline constexpr std::array<Rgb, 8> kObjectPalette = {{{.90f, .10f, .10f},
                                                       {.10f, .68f, .18f},
                                                       {.12f, .28f, .95f},
                                                       {.98f, .86f, .10f},
                                                       {.58f, .14f, .78f},
                                                       {.10f, .82f, .88f},
                                                       {.98f, .50f, .05f},
                                                       {.96f, .96f, .96f}}};
inline constexpr std::array<Rgb, 10> kGroundPalette = {{{.62f, .12f, .12f},
                                                        {.12f, .48f, .16f},
                                                        {.12f, .22f, .62f},
                                                        {.72f, .62f, .12f},
                                                        {.42f, .12f, .55f},
                                                        {.12f, .56f, .60f},
                                                        {.70f, .38f, .08f},
                                                        {.80f, .80f, .80f},
                                                        {.04f, .04f, .04f},
                                                        {.36f, .36f, .36f}}};
inline constexpr float kBrightObject = 0.5f;  // luminance above which the second tone is darker
inline constexpr float kDarkerObject = 0.30f, kLighterObject = 0.75f;  // factor; way to white
inline constexpr float kDarkGround = 0.15f;  // brightest channel below which it is lighter
inline constexpr float kDarkerGround = 0.55f, kLighterGround = 0.22f;  // factor; added

inline double draw(Random& random, Range range) {
  return range.low + (range.high - range.low) * random.uniform();
}

inline bool happens(Random& random, double probability) { return random.uniform() < probability; }

/// An index of the table, with the table's probabilities.
template <typename Enum = int, size_t N>
Enum pick(Random& random, const std::array<double, N>& probabilities) {
  double left = random.uniform();
  size_t i = 0;
  while (i + 1 < N && left >= probabilities[i]) left -= probabilities[i++];
  return static_cast<Enum>(i);
}

}  // namespace tessera::video::distribution
