// The words themselves, in the order of the enumerations they name.
#pragma once

#include <array>
#include <string_view>

namespace tessera::video {

inline constexpr std::array<std::string_view, 3> kCountWords = {"a", "two", "three"};

inline constexpr std::array<std::string_view, 8> kObjectColourWords = {
    "red", "green", "blue", "yellow", "purple", "cyan", "orange", "white"};

/// Grounds have the objects' colours and two more.
inline constexpr std::array<std::string_view, 10> kGroundColourWords = {
    "red", "green", "blue", "yellow", "purple", "cyan", "orange", "white", "black", "gray"};

inline constexpr std::array<std::string_view, 6> kShapeWords = {"circle", "square", "triangle",
                                                                "star",   "ring",   "cross"};
inline constexpr std::array<std::string_view, 6> kPluralShapeWords = {
    "circles", "squares", "triangles", "stars", "rings", "crosses"};

/// "Plain" is never said.
inline constexpr std::array<std::string_view, 4> kFillWords = {"", "striped", "dotted",
                                                               "checkered"};
inline constexpr std::array<std::string_view, 4> kGroundTextureWords = {"", "striped", "checkered",
                                                                        "cloudy"};

inline constexpr std::array<std::string_view, 10> kMotionWords = {
    "moving left", "moving right", "moving up", "moving down", "staying still",
    "spinning",    "growing",      "shrinking", "bouncing",    "circling"};

inline constexpr std::array<std::string_view, 3> kPanningWords = {"", "camera panning left",
                                                                  "camera panning right"};

inline constexpr size_t kMaxPromptWords = 16;

}  // namespace tessera::video
