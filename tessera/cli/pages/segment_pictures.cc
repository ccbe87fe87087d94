#include "tessera/cli/pages/segment_pictures.h"

#include <string>
#include <vector>

#include "tessera/cli/pages/html.h"
#include "tessera/core/error.h"
#include "tessera/media/image_io.h"
#include "tessera/media/image_resize.h"
#include "tessera/media/overlay.h"

namespace tessera::cli::pages {
namespace {

constexpr int kJpegQuality = 90;  // contours stay clean: chroma is not halved

std::string embed(const media::Image& image, const PictureLimits& limits) {
  const auto png = media::encode_png(image);
  if (png.size() <= limits.most_png_bytes) return data_uri("image/png", png);
  const auto jpeg = media::encode_jpeg(image, kJpegQuality);
  return jpeg.size() < png.size() ? data_uri("image/jpeg", jpeg) : data_uri("image/png", png);
}

// The mask at the page's size: foreground where it covers half a pixel at least.
std::vector<uint8_t> shrunk(std::span<const uint8_t> mask, const media::Image& full,
                            const media::Sides& sides) {
  media::Image image = media::make_image(full.height, full.width, 1);
  for (size_t i = 0; i < mask.size(); ++i) image.data[i] = mask[i] != 0 ? 255 : 0;
  image = media::resize_bilinear_antialias(image, sides.height, sides.width);
  for (uint8_t& value : image.data) value = value > 127 ? 1 : 0;
  return image.data;
}

}  // namespace

ReportCase case_pictures(const media::Image& rgb, std::span<const uint8_t> predicted,
                         std::span<const uint8_t> truth, const PictureLimits& limits) {
  const size_t pixels = size_t(rgb.height) * rgb.width;
  TESSERA_CHECK(predicted.size() == pixels && (truth.empty() || truth.size() == pixels),
                "[case_pictures] masks must have ", rgb.height, " x ", rgb.width,
                " values, got: ", predicted.size(), " and ", truth.size());
  const auto sides = media::fit_inside(rgb.height, rgb.width, limits.longest_side);
  const auto image = media::resize_bilinear_antialias(rgb, sides.height, sides.width);
  const auto mask = shrunk(predicted, rgb, sides);
  ReportCase shown;
  shown.image = embed(image, limits);
  media::Image overlay = media::draw_overlay(image, mask);
  if (!truth.empty()) {
    const auto true_mask = shrunk(truth, rgb, sides);
    overlay = media::draw_overlay(overlay, true_mask, media::kTruthColour, 0);
    shown.error_map = embed(media::draw_errors(image, mask, true_mask), limits);
  }
  shown.overlay = embed(overlay, limits);
  return shown;
}

}  // namespace tessera::cli::pages
