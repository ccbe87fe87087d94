// What a video model is: the numbers of its network and how it is meant to be used.
//
// They stand in `config.json` in the model's folder, under the names Wan itself uses where Wan has
// one. The file is read strictly: an unknown key, a wrong type or an impossible value is an error.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>

#include "tessera/attention/max_gap.h"

namespace tessera::video {

/// Extents along frames, rows and columns.
using Extents = std::array<int64_t, 3>;

/// The diffusion transformer. Key names in config.json in brackets where they differ.
struct WanConfig {
  int64_t dim = 0;
  int64_t num_heads = 0;  // head_dim = dim / num_heads
  int64_t num_layers = 0;
  int64_t ffn_dim = 0;
  int64_t in_channels = 0;   // [in_dim]
  int64_t out_channels = 0;  // [out_dim]
  int64_t freq_dim = 256;    // sine and cosine features of the time step
  int64_t text_dim = 0;
  int64_t text_len = 0;       // rows of context, padding included
  Extents patch = {1, 2, 2};  // [patch_size]
  double eps = 1e-6;

  int64_t head_dim() const { return dim / num_heads; }
};

/// What the network's output is.
enum class Prediction {
  kVelocity,        // v = noise - clean
  kSample,          // the clean sample x0; v = (x - x0) / sigma
  kPreconditioned,  // scaled so that its target has unit variance at every sigma (prediction.h)
};

/// What stands between the transformer's space and pixels.
enum class VaeKind { kNone };  // the transformer works on pixels in [-1, 1]

/// What turns a prompt into the context.
enum class TextEncoderKind { kWords };  // tessera/video/word_encoder.h

/// What a run uses unless told otherwise.
struct GenerationDefaults {
  int64_t frames = 16, width = 128, height = 64;  // pixels
  double fps = 8;
  int64_t steps = 30;
  double guidance = 4, shift = 3;
  /// Of lite attention, see attention::MaxGapPolicy.
  double threshold = attention::kDefaultMaxGapThreshold;
};

/// Tokens in a tile of attention, the unit that is skipped or not.
struct TileSizes {
  int64_t q_tile = 64, kv_tile = 64;
};

struct VideoConfig {
  WanConfig dit;
  Prediction prediction = Prediction::kVelocity;
  VaeKind vae = VaeKind::kNone;
  TextEncoderKind text_encoder = TextEncoderKind::kWords;
  GenerationDefaults defaults;
  TileSizes attention;
};

/// Throws InvalidArgument that names the rule and the value unless the numbers fit each other.
void check_config(const VideoConfig& config);

/// Throws IoError that names file, key, rule and value.
VideoConfig read_video_config(const std::filesystem::path& path);

/// Writes what read_video_config reads. Throws InvalidArgument or IoError.
void write_video_config(const std::filesystem::path& path, const VideoConfig& config);

}  // namespace tessera::video
