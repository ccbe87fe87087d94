// What the decoders hand to read_image and read_label_image: samples as stored; private to media.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "tessera/media/image_io.h"
#include "tessera/media/overlay.h"
#include "tessera/media/read_image.h"

namespace tessera::media {

/// Up to 8 bits unsigned, 16, 32; signed of any width; float.
using Samples = std::variant<std::vector<uint8_t>, std::vector<uint16_t>, std::vector<uint32_t>,
                             std::vector<int32_t>, std::vector<float>>;

/// samples: (H, W, channels); the last channel is alpha when `has_alpha`. Zero is black.
struct Raster {
  ImageFormat format = ImageFormat::kPng;
  int height = 0, width = 0;
  int channels = 1;
  int bits = 8;  // a channel, as stored
  bool has_alpha = false;
  bool is_lossy = false;
  std::vector<Colour> palette;  // empty, or what the one channel's values stand for
  Samples samples;

  int colour_channels() const { return channels - (has_alpha ? 1 : 0); }
};

/// Decodes by content. Throws IoError that begins with `name`.
Raster decode_raster(std::span<const std::byte> bytes, const std::string& name,
                     const ImageLimits& limits);

Raster decode_png_raster(std::span<const std::byte> bytes, const std::string& name,
                         const ImageLimits& limits);
Raster decode_jpeg_raster(std::span<const std::byte> bytes, const std::string& name,
                          const ImageLimits& limits);
Raster decode_tiff_raster(std::span<const std::byte> bytes, const std::string& name,
                          const ImageLimits& limits);

/// Throws IoError for a picture without pixels or over the limits.
void check_picture_size(const std::string& name, int64_t width, int64_t height,
                        const ImageLimits& limits);

/// Throws IoError where so small a file cannot hold so many pixels, `most_pixels` to a byte at
/// best: it is damaged or hostile, and its memory should not be asked for.
void check_file_holds(const std::string& name, std::string_view format, int64_t width,
                      int64_t height, size_t file_bytes, int64_t most_pixels);

}  // namespace tessera::media
