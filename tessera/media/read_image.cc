#include "tessera/media/read_image.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/raster.h"

namespace tessera::media {
namespace {

// Values from `black` to `white` become 0 to 255.
struct Scale {
  double black = 0, white = 255;

  uint8_t operator()(double value) const {
    if (white <= black) return 0;
    const double scaled = 255 * (value - black) / (white - black);
    return static_cast<uint8_t>(std::clamp(scaled + 0.5, 0.0, 255.0));
  }
};

template <typename T, typename Visit>
void for_each_colour(const Raster& raster, const std::vector<T>& samples, const Visit& visit) {
  const int colours = raster.colour_channels();
  for (size_t i = 0; i < samples.size(); i += raster.channels) {
    for (int c = 0; c < colours; ++c) visit(samples[i + c], i / raster.channels);
  }
}

template <typename T>
Scale own_range(const Raster& raster, const std::vector<T>& samples, const std::string& name) {
  Scale scale{double(samples[0]), double(samples[0])};
  for_each_colour(raster, samples, [&](T value, size_t pixel) {
    if constexpr (std::is_same_v<T, float>) {
      if (!std::isfinite(value)) {
        throw IoError(
            concat(name, ": pixels must be finite, got: ", std::isnan(value) ? "NaN" : "infinity",
                   " at x ", pixel % raster.width, ", y ", pixel / raster.width));
      }
    }
    scale.black = std::min(scale.black, double(value));
    scale.white = std::max(scale.white, double(value));
  });
  return scale;
}

// Note [Sixteen bits to eight] in the header.
template <typename T>
Scale choose_scale(const Raster& raster, const std::vector<T>& samples, DepthRule rule,
                   const std::string& name) {
  if constexpr (std::is_same_v<T, uint8_t>) return {0, double((1 << raster.bits) - 1)};
  if (rule == DepthRule::kOwnRange) return own_range(raster, samples, name);
  if constexpr (std::is_same_v<T, uint16_t>) {
    if (rule == DepthRule::kFull || raster.colour_channels() == 3) return {0, 65'535};
    uint16_t most = 0;
    for_each_colour(raster, samples, [&](uint16_t value, size_t) { most = std::max(most, value); });
    return {0, most < 4096 ? 4095.0 : 65'535.0};
  }
  throw IoError(concat(name,
                       ": a picture must have up to 16 bits unsigned unless its own range is "
                       "asked for, got: ",
                       raster.bits, " bits ",
                       std::is_same_v<T, float>     ? "float"
                       : std::is_same_v<T, int32_t> ? "signed"
                                                    : "unsigned"));
}

Image from_palette(const Raster& raster, const std::string& name) {
  Image image = make_image(raster.height, raster.width, 3);
  const auto& indices = std::get<std::vector<uint8_t>>(raster.samples);
  for (size_t i = 0; i < size_t(raster.height) * raster.width; ++i) {
    const size_t index = indices[i * raster.channels];
    if (index >= raster.palette.size()) {
      throw IoError(concat(name, ": an index must be below the palette's ", raster.palette.size(),
                           " colours, got: ", index));
    }
    const Colour& colour = raster.palette[index];
    image.data[i * 3] = colour.red;
    image.data[i * 3 + 1] = colour.green;
    image.data[i * 3 + 2] = colour.blue;
  }
  return image;
}

template <typename T>
Image scaled(const Raster& raster, const std::vector<T>& samples, const Scale& scale) {
  Image image = make_image(raster.height, raster.width, 3);
  std::vector<uint8_t> table;  // 16-bit pictures have more pixels than values
  if constexpr (sizeof(T) <= 2) {
    for (int value = 0; value < 1 << 8 * sizeof(T); ++value) table.push_back(scale(value));
  }
  const int colours = raster.colour_channels();
  for (size_t i = 0; i < size_t(raster.height) * raster.width; ++i) {
    for (int c = 0; c < 3; ++c) {
      const T value = samples[i * raster.channels + (colours == 3 ? c : 0)];
      if constexpr (sizeof(T) <= 2) {
        image.data[i * 3 + c] = table[value];
      } else {
        image.data[i * 3 + c] = scale(value);
      }
    }
  }
  return image;
}

}  // namespace

Image decode_image(std::span<const std::byte> bytes, const std::string& name,
                   const ReadOptions& options, ImageFacts* facts) {
  const Raster raster = decode_raster(bytes, name, options.limits);
  Scale scale;
  Image image = [&] {
    if (!raster.palette.empty()) return from_palette(raster, name);
    return std::visit(
        [&](const auto& samples) {
          scale = choose_scale(raster, samples, options.depth, name);
          return scaled(raster, samples, scale);
        },
        raster.samples);
  }();
  if (facts != nullptr) {
    *facts = {raster.format, raster.channels, raster.bits, scale.black, scale.white};
  }
  return image;
}

Image read_image(const std::filesystem::path& path, const ReadOptions& options, ImageFacts* facts) {
  const MappedFile file(path);
  return decode_image(file.bytes(), path.string(), options, facts);
}

}  // namespace tessera::media
