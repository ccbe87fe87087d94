// PNG files <-> Image. Pictures of any format: read_image.h. Masks and label maps: label_image.h.
//
// Reading trusts nothing: sizes are limited before memory is asked for, and a damaged file gives
// an IoError, never a crash. Bit depths below 8 and palettes are widened to 8 bits; colour
// profiles and gamma chunks are not applied (pixels are taken as sRGB, as Pillow does); 16 bits
// per channel is refused, since rounding to 8 would lose data unasked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tessera/media/frames.h"

namespace tessera::media {

/// What a reader accepts. `max_pixels` = height x width.
struct ImageLimits {
  int max_side = 65'535;
  int64_t max_pixels = int64_t{1} << 28;
};

/// Reads a PNG as RGB: grey is repeated, alpha is dropped (not blended). Throws IoError (missing,
/// damaged, over the limits, 16 bit); the text begins with the path.
Image read_png(const std::filesystem::path& path, const ImageLimits& limits = {});

/// As read_png, but keeps 1, 2, 3 or 4 channels as stored; a palette becomes RGB or RGBA.
Image read_png_as_stored(const std::filesystem::path& path, const ImageLimits& limits = {});

/// A PNG that is in memory; `name` stands in for the path in messages.
Image decode_png(std::span<const std::byte> bytes, const std::string& name,
                 const ImageLimits& limits = {});
Image decode_png_as_stored(std::span<const std::byte> bytes, const std::string& name,
                           const ImageLimits& limits = {});

/// The bytes of a PNG file, 8 bits per channel. The same picture always gives the same bytes.
/// Throws InvalidArgument when sizes and bytes do not agree.
std::vector<std::byte> encode_png(const Image& image);

/// Writes a PNG in one step (temporary name, then rename). Throws InvalidArgument, IoError.
void write_png(const std::filesystem::path& path, const Image& image);

/// The bytes of a JPEG file, chroma at full resolution; for pictures shown to people. 1 or 3
/// channels; quality in [1, 100], libjpeg's scale. Throws InvalidArgument.
std::vector<std::byte> encode_jpeg(const Image& image, int quality = 90);

}  // namespace tessera::media
