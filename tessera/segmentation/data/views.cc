#include "tessera/segmentation/data/views.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "tessera/core/error.h"

namespace tessera::segmentation {
namespace {

// Raise this when the same parameters give other pixels, so that cached embeddings are not reused.
constexpr std::string_view kViewVersion = "view/1";

uint64_t view_seed(std::string_view digest, uint64_t seed, int view) {
  uint64_t hash = 0xcbf29ce484222325ull;  // FNV-1a
  for (const char letter : digest) {
    hash = (hash ^ static_cast<uint8_t>(letter)) * 0x100000001b3ull;
  }
  const uint64_t mixed = Random(Random(seed).next() ^ hash).next();
  return Random(mixed + static_cast<uint64_t>(view)).next();
}

/// The centre's place along one axis: the window lies inside the image, or the image inside it.
float place(float length, float side, Random& random) {
  const float one = side / 2, other = length - side / 2;
  const float low = std::min(one, other), high = std::max(one, other);
  return low + (high - low) * random.uniform();
}

/// Shortest text that reads back as the same number.
std::string number(float value) {
  char text[32];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), value);
  return {text, end};
}

}  // namespace

void check_view_settings(const ViewSettings& settings) {
  TESSERA_CHECK(settings.tile == 0 || (settings.tile >= 16 && settings.tile <= 8192),
                "[views] tile must be 0 or in [16, 8192] source pixels, got: ", settings.tile);
  TESSERA_CHECK(settings.max_rotation_degrees >= 0 && settings.max_rotation_degrees <= 180,
                "[views] the greatest rotation must be in [0, 180] degrees, got: ",
                settings.max_rotation_degrees);
  TESSERA_CHECK(settings.min_scale >= 0.1F && settings.min_scale <= settings.max_scale &&
                    settings.max_scale <= 10,
                "[views] scales must be 0.1 <= least <= greatest <= 10, got: ", settings.min_scale,
                " and ", settings.max_scale);
  check_colour_settings(settings.colours, "views");
}

ViewParameters draw_view(const ViewSettings& settings, int height, int width,
                         std::string_view image_digest, uint64_t seed, int view) {
  check_view_settings(settings);
  TESSERA_CHECK(height >= 1 && width >= 1 && view >= 0,
                "[draw_view] sides must be >= 1 and the view >= 0, got: ", height, " x ", width,
                ", view ", view);
  ViewParameters parameters;
  const bool is_whole = settings.tile == 0;
  parameters.padding = is_whole ? Padding::kMean : Padding::kReflect;
  const int side = is_whole ? std::max(height, width) : settings.tile;
  Window& window = parameters.window;
  if (view == 0) {
    parameters.is_plain_whole = is_whole;
    // On whole pixels, as tiles lie.
    const auto centre = [side](int length) {
      return static_cast<float>(std::floor((length - side) / 2.0) + side / 2.0);
    };
    window = {centre(width), centre(height), static_cast<float>(side), 0, false, false};
    return parameters;
  }
  Random random(view_seed(image_digest, seed, view));
  const float low = std::log(settings.min_scale), high = std::log(settings.max_scale);
  window.side = side / std::exp(low + (high - low) * random.uniform());
  window.centre_x = place(static_cast<float>(width), window.side, random);
  window.centre_y = place(static_cast<float>(height), window.side, random);
  window.rotation_degrees = settings.max_rotation_degrees * (2 * random.uniform() - 1);
  const float mirror_x = random.uniform(), mirror_y = random.uniform();
  window.flip_horizontal = settings.flip_horizontal && mirror_x < 0.5F;
  window.flip_vertical = settings.flip_vertical && mirror_y < 0.5F;
  parameters.colours = draw_colours(settings.colours, random);
  return parameters;
}

std::string view_text(const ViewParameters& parameters) {
  std::string text(kViewVersion);
  const auto add = [&text](const char* name, float value) {
    text += concat(' ', name, '=', number(value));
  };
  if (parameters.is_plain_whole) {
    text += " whole";
  } else {
    const Window& window = parameters.window;
    add("x", window.centre_x);
    add("y", window.centre_y);
    add("side", window.side);
    add("turn", window.rotation_degrees);
    text += concat(" flip=", window.flip_horizontal ? "h" : "", window.flip_vertical ? "v" : "",
                   parameters.padding == Padding::kReflect ? " pad=reflect" : " pad=mean");
  }
  const ColourShift& colours = parameters.colours;
  if (colours == ColourShift{}) return text;
  add("brightness", colours.brightness);
  add("contrast", colours.contrast);
  add("saturation", colours.saturation);
  add("hue", colours.hue);
  add("gamma", colours.gamma);
  if (colours.is_inverted) text += " inverted";
  return text;
}

Picture render_picture(const LoadedSample& sample, const ViewParameters& parameters, int side) {
  Picture picture = parameters.is_plain_whole
                        ? whole_picture(sample.image, side)
                        : sample_picture(sample.image, parameters.window, side, parameters.padding);
  shift_colours(picture, parameters.colours);
  return picture;
}

MaskGrid render_mask(const LoadedSample& sample, const ViewParameters& parameters, int picture_side,
                     int side) {
  const int height = sample.image.height, width = sample.image.width;
  if (parameters.is_plain_whole) return whole_mask(sample.mask, height, width, picture_side, side);
  return sample_mask(sample.mask, height, width, parameters.window, side, parameters.padding);
}

View render_view(const LoadedSample& sample, const ViewParameters& parameters,
                 const ViewSizes& sizes) {
  return {render_picture(sample, parameters, sizes.picture),
          render_picture(sample, parameters, sizes.prompt),
          render_mask(sample, parameters, sizes.picture, sizes.mask)};
}

}  // namespace tessera::segmentation
