// Masks and label maps on disk <-> whole numbers per pixel, with the values as stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "tessera/media/image_io.h"
#include "tessera/media/read_image.h"

namespace tessera::media {

/// A label map. data: (H, W), row by row.
struct LabelImage {
  int height = 0;
  int width = 0;
  std::vector<uint32_t> data{};

  ImageFormat format = ImageFormat::kPng;
  int channels_in_file = 0;  // alpha included; a palette counts as 1
  int bits_in_file = 0;      // a channel
  /// JPEG: values scatter around what was drawn, so that 0/255 masks hold 1..7 and 248..254 too.
  bool is_lossy = false;
  /// A palette with colours: `data` holds the indices. (A palette of greys gives the greys.)
  bool is_palette = false;

  /// The value of a pixel that must be inside.
  uint32_t at(int y, int x) const { return data[size_t(y) * width + x]; }
};

/// Reads a label map by its content: PNG of 1, 2, 4, 8, 16 bits, TIFF of 1 to 16 and 32 bits, float
/// TIFF that holds whole numbers, JPEG. RGB and RGBA are taken where the channels are equal (within
/// `kLossyTolerance` in a JPEG) and alpha is opaque throughout. White-is-zero TIFFs are turned to
/// black-is-zero. Throws IoError `path: rule, got: value`: as read_image, and for coloured pixels,
/// transparency, negative or fractional values, NaN.
LabelImage read_label_image(const std::filesystem::path& path, const ImageLimits& limits = {});

/// A file that is in memory; `name` stands in for the path in messages.
LabelImage decode_label_image(std::span<const std::byte> bytes, const std::string& name,
                              const ImageLimits& limits = {});

/// Grey levels by which the channels of a grey JPEG may differ: what conversion from Y'CbCr leaves.
inline constexpr int kLossyTolerance = 8;

/// Writes labels as a 16-bit grey PNG, in one step. labels: (H, W). The same labels always give the
/// same bytes. Throws InvalidArgument when sizes do not agree, IoError.
void write_label_png(const std::filesystem::path& path, int height, int width,
                     std::span<const uint16_t> labels);
std::vector<std::byte> encode_label_png(int height, int width, std::span<const uint16_t> labels);

/// Foreground (nonzero) as an 8-bit grey picture of 0 and 255, for write_png. mask: (H, W).
Image mask_image(int height, int width, std::span<const uint8_t> mask);

/// Probabilities as an 8-bit grey picture, round(255 p), for write_png. probabilities: (H, W), in
/// [0, 1]. Throws InvalidArgument for a value outside, NaN included.
Image probability_image(int height, int width, std::span<const float> probabilities);

}  // namespace tessera::media
