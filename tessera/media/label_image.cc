#include "tessera/media/label_image.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/raster.h"

namespace tessera::media {
namespace {

// Whole numbers above this are not exact in a float.
constexpr int kMostFloatLabel = 1 << 24;

// Where a pixel is, for messages.
std::string place(const Raster& raster, size_t pixel) {
  return concat(" at x ", pixel % raster.width, ", y ", pixel / raster.width);
}

template <typename T>
uint32_t to_label(const Raster& raster, T value, size_t pixel, const std::string& name) {
  if constexpr (std::is_same_v<T, float>) {
    if (std::isnan(value)) {
      throw IoError(concat(name, ": a mask must hold numbers, got: NaN", place(raster, pixel)));
    }
    if (!(value >= 0 && value <= float(kMostFloatLabel)) || value != std::floor(value)) {
      throw IoError(concat(name, ": a mask must hold whole numbers from 0 to ", kMostFloatLabel,
                           ", got: ", value, place(raster, pixel)));
    }
  }
  if constexpr (std::is_same_v<T, int32_t>) {
    if (value < 0) {
      throw IoError(concat(name, ": a mask must hold no negative values, got: ", value,
                           place(raster, pixel)));
    }
  }
  return static_cast<uint32_t>(value);
}

// What fully opaque is.
template <typename T>
T opaque(int bits) {
  if constexpr (std::is_same_v<T, float>) return 1;
  if constexpr (std::is_same_v<T, int32_t>) return T((int64_t{1} << (bits - 1)) - 1);
  return T((uint64_t{1} << bits) - 1);
}

// A mask with transparency could mean the colour or the alpha; both readings are common, so neither
// is taken.
template <typename T>
void check_opaque(const Raster& raster, const std::vector<T>& samples, const std::string& name) {
  if (!raster.has_alpha) return;
  for (size_t i = 0; i < samples.size() / raster.channels; ++i) {
    const T alpha = samples[(i + 1) * raster.channels - 1];
    if (alpha != opaque<T>(raster.bits)) {
      throw IoError(concat(name, ": a mask must be opaque, got: alpha ", +alpha, place(raster, i)));
    }
  }
}

template <typename T>
void check_grey(const Raster& raster, const std::vector<T>& samples, const std::string& name) {
  if (raster.colour_channels() == 1) return;
  const T tolerance = raster.is_lossy ? kLossyTolerance : 0;
  for (size_t i = 0; i < samples.size() / raster.channels; ++i) {
    const T* pixel = samples.data() + i * raster.channels;
    const auto [least, most] = std::minmax({pixel[0], pixel[1], pixel[2]});
    // Written so that NaN passes here: the next step names it.
    if (most - least > tolerance) {
      throw IoError(concat(name, ": a mask must be grey (one channel, or equal ones), got: RGB ",
                           +pixel[0], ", ", +pixel[1], ", ", +pixel[2], place(raster, i)));
    }
  }
}

bool is_grey(const std::vector<Colour>& palette) {
  return std::all_of(palette.begin(), palette.end(),
                     [](const Colour& c) { return c.red == c.green && c.green == c.blue; });
}

void look_up_greys(const std::vector<Colour>& palette, const std::string& name,
                   std::vector<uint32_t>* data) {
  for (uint32_t& value : *data) {
    if (value >= palette.size()) {
      throw IoError(concat(name, ": an index must be below the palette's ", palette.size(),
                           " colours, got: ", value));
    }
    value = palette[value].red;
  }
}

}  // namespace

LabelImage decode_label_image(std::span<const std::byte> bytes, const std::string& name,
                              const ImageLimits& limits) {
  const Raster raster = decode_raster(bytes, name, limits);
  LabelImage labels;
  labels.height = raster.height;
  labels.width = raster.width;
  labels.format = raster.format;
  labels.channels_in_file = raster.channels;
  labels.bits_in_file = raster.bits;
  labels.is_lossy = raster.is_lossy;
  labels.data.resize(size_t(raster.height) * raster.width);
  // The middle channel, green, is what JPEG's conversion disturbs least.
  const int channel = raster.colour_channels() == 3 ? 1 : 0;
  std::visit(
      [&](const auto& samples) {
        check_opaque(raster, samples, name);
        check_grey(raster, samples, name);
        for (size_t i = 0; i < labels.data.size(); ++i) {
          labels.data[i] = to_label(raster, samples[i * raster.channels + channel], i, name);
        }
      },
      raster.samples);
  if (!raster.palette.empty()) {
    labels.is_palette = !is_grey(raster.palette);
    if (!labels.is_palette) look_up_greys(raster.palette, name, &labels.data);
  }
  return labels;
}

LabelImage read_label_image(const std::filesystem::path& path, const ImageLimits& limits) {
  const MappedFile file(path);
  return decode_label_image(file.bytes(), path.string(), limits);
}

Image mask_image(int height, int width, std::span<const uint8_t> mask) {
  Image image = make_image(height, width, 1);
  TESSERA_CHECK(mask.size() == image.data.size(), "[mask_image] mask must have ", height, " x ",
                width, " values, got: ", mask.size());
  std::transform(mask.begin(), mask.end(), image.data.begin(),
                 [](uint8_t value) { return value != 0 ? 255 : 0; });
  return image;
}

Image probability_image(int height, int width, std::span<const float> probabilities) {
  Image image = make_image(height, width, 1);
  TESSERA_CHECK(probabilities.size() == image.data.size(),
                "[probability_image] probabilities must have ", height, " x ", width,
                " values, got: ", probabilities.size());
  for (size_t i = 0; i < probabilities.size(); ++i) {
    const float p = probabilities[i];
    TESSERA_CHECK(p >= 0 && p <= 1, "[probability_image] values must be in [0, 1], got: ", p,
                  " at x ", i % width, ", y ", i / width);
    image.data[i] = static_cast<uint8_t>(std::lround(255 * p));
  }
  return image;
}

}  // namespace tessera::media
