// Pictures of any supported kind as 8-bit RGB, whatever the file's name says.
//
// PNG (1 to 16 bits, grey, RGB, palette, alpha), JPEG (grey, RGB; CMYK is refused) and TIFF (1 to
// 16 bits, grey, RGB, palette; strips and tiles; one page) are told apart by their first bytes.
// Reading trusts nothing: sizes are limited before memory is asked for, and a damaged file gives an
// IoError that begins with its path. Nothing is printed.
//
// What is not done, so that a picture stays pixel on pixel with its mask: EXIF and TIFF orientation
// are not applied, alpha is dropped rather than blended, colour profiles and gamma are ignored.
//
// Note [Sixteen bits to eight]
// Networks here take 8 bits. RGB of 16 bits is divided by 257. Grey of 16 bits mostly comes from a
// microscope's camera of 12 bits, and dividing that by 257 would leave 16 grey levels, while
// stretching each file between its own extremes makes the brightness of two pictures incomparable.
// So the default, DepthRule::kCamera, takes 4095 for white where every value of the file fits 12
// bits and 65535 otherwise: a series from one 12-bit camera keeps one scale. Whoever knows better
// asks for kFull or kOwnRange. `ImageFacts::white` says which value became 255; a set in which it
// differs from file to file deserves a word to the user. What files declare (PNG's sBIT, TIFF's
// MaxSampleValue) is not used: writers disagree on what it means.
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "tessera/media/frames.h"
#include "tessera/media/image_io.h"

namespace tessera::media {

enum class ImageFormat { kPng, kJpeg, kTiff };

/// "PNG", "JPEG", "TIFF".
std::string_view name_of(ImageFormat format);

/// Which format the first bytes announce; nothing if none of ours.
std::optional<ImageFormat> image_format(std::span<const std::byte> bytes);

/// How grey values of more than 8 bits become 8; see Note [Sixteen bits to eight].
enum class DepthRule {
  kCamera,    ///< white is 4095 where all values fit 12 bits, else 65535
  kFull,      ///< white is 65535
  kOwnRange,  ///< the file's least value becomes 0, its greatest 255; also takes 32-bit and float
};

struct ReadOptions {
  ImageLimits limits{};
  DepthRule depth = DepthRule::kCamera;
};

/// What the file was like before it became 8-bit RGB.
struct ImageFacts {
  ImageFormat format = ImageFormat::kPng;
  int channels = 0;               // as stored, alpha included; a palette counts as 1
  int bits = 0;                   // a channel
  double black = 0, white = 255;  // values that became 0 and 255
};

/// Reads a picture as 8-bit RGB; grey is repeated. Throws IoError `path: rule, got: value`
/// (missing, empty, damaged, over the limits, another format, CMYK, several pages, float unless
/// kOwnRange).
Image read_image(const std::filesystem::path& path, const ReadOptions& options = {},
                 ImageFacts* facts = nullptr);

/// A file that is in memory; `name` stands in for the path in messages.
Image decode_image(std::span<const std::byte> bytes, const std::string& name,
                   const ReadOptions& options = {}, ImageFacts* facts = nullptr);

}  // namespace tessera::media
