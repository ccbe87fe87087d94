#include <cmath>

#include "tessera/core/error.h"
#include "tessera/video/text_to_video.h"

namespace tessera::video {
namespace {

// Wan's table of rotations has so many places on each axis; beyond, nothing was ever trained.
constexpr int64_t kMaxTokensAnAxis = 1024;

// 3.5 times a 720p Wan film. Scores grow with the square: more is a mistake, not a film.
constexpr int64_t kMaxTokens = 1 << 18;

}  // namespace

VideoRequest default_request(const VideoConfig& config) {
  VideoRequest request;
  request.frames = config.defaults.frames;
  request.width = config.defaults.width;
  request.height = config.defaults.height;
  request.steps = config.defaults.steps;
  request.guidance = config.defaults.guidance;
  request.shift = config.defaults.shift;
  return request;
}

void check_request(const VideoConfig& config, const VideoRequest& request) {
  const auto check_extent = [](const char* name, int64_t value, int64_t patch) {
    TESSERA_CHECK(value >= patch && value % patch == 0 && value / patch <= kMaxTokensAnAxis,
                  "[generate] ", name, " must be a multiple of ", patch, " in [", patch, ", ",
                  patch * kMaxTokensAnAxis, "], got: ", value);
    return value / patch;
  };
  const Extents& patch = config.dit.patch;
  const int64_t tokens = check_extent("frames", request.frames, patch[0]) *
                         check_extent("height", request.height, patch[1]) *
                         check_extent("width", request.width, patch[2]);
  TESSERA_CHECK(tokens <= kMaxTokens, "[generate] a film may have ", kMaxTokens, " tokens (frames ",
                "x height x width / (", patch[0], " x ", patch[1], " x ", patch[2],
                ")), got: ", tokens);
  TESSERA_CHECK(request.steps >= 1 && request.steps <= 1000,
                "[generate] steps must be in [1, 1000], got: ", request.steps);
  TESSERA_CHECK(request.guidance >= 0 && request.guidance <= 100,
                "[generate] guidance must be in [0, 100], got: ", request.guidance);
  TESSERA_CHECK(request.shift > 0 && request.shift <= 100,
                "[generate] shift must be in (0, 100], got: ", request.shift);
  check_settings(request.attention, config.dit.num_layers);
}

attention::TokenOrderSpec token_order_spec(const VideoConfig& config, const VideoRequest& request) {
  const Extents& patch = config.dit.patch;
  return {.kind = request.attention.token_order,
          .grid = {request.frames / patch[0], request.height / patch[1], request.width / patch[2]},
          .box = request.attention.token_box};
}

}  // namespace tessera::video
