#include "tessera/video/wan/config.h"

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/nn/json_object.h"

namespace tessera::video {
namespace {

constexpr const char* kSchema = "tessera.video_model/1";

// In the order of the enums. Wan's own name for text-to-video is "t2v".
const std::vector<std::string> kModelTypes = {"t2v"};
const std::vector<std::string> kPredictions = {"velocity", "sample", "preconditioned"};
const std::vector<std::string> kVaes = {"none"};
const std::vector<std::string> kTextEncoders = {"words"};

// Far above any known model, low enough that no product of two overflows.
constexpr int64_t kMaxExtent = 1 << 20;

WanConfig read_dit(nn::JsonObject& json) {
  WanConfig dit;
  dit.dim = json.integer("dim", 1, kMaxExtent);
  dit.num_heads = json.integer("num_heads", 1, 1024);
  dit.num_layers = json.integer("num_layers", 1, 1024);
  dit.ffn_dim = json.integer("ffn_dim", 1, kMaxExtent);
  dit.in_channels = json.integer("in_dim", 1, 1024);
  dit.out_channels = json.integer("out_dim", 1, 1024);
  dit.freq_dim = json.integer("freq_dim", 2, kMaxExtent);
  dit.text_dim = json.integer("text_dim", 1, kMaxExtent);
  dit.text_len = json.integer("text_len", 1, 4096);
  const auto patch = json.integers("patch_size", 3, 1, 64);
  dit.patch = {patch[0], patch[1], patch[2]};
  dit.eps = json.number("eps", 1e-12, 1e-2);
  return dit;
}

GenerationDefaults read_defaults(nn::JsonObject json) {
  GenerationDefaults defaults;
  defaults.frames = json.integer("frames", 1, 100'000);
  defaults.width = json.integer("width", 1, 100'000);
  defaults.height = json.integer("height", 1, 100'000);
  defaults.fps = json.number("fps", 0.01, 1000);
  defaults.steps = json.integer("steps", 1, 1000);
  defaults.guidance = json.number("guidance", 0, 100);
  defaults.shift = json.number("shift", 0.01, 100);
  defaults.threshold = json.number("threshold", -1e6, -1e-6);
  json.finish();
  return defaults;
}

TileSizes read_tiles(nn::JsonObject json) {
  TileSizes tiles;
  tiles.q_tile = json.integer("q_tile", 1, 4096);
  tiles.kv_tile = json.integer("kv_tile", 1, 4096);
  json.finish();
  return tiles;
}

}  // namespace

void check_config(const VideoConfig& config) {
  const WanConfig& dit = config.dit;
  TESSERA_CHECK(dit.num_heads >= 1 && dit.dim % dit.num_heads == 0,
                "\"dim\" must be a multiple of num_heads ", dit.num_heads, ", got: ", dit.dim);
  // Six features are one pair for each axis; 256 is the widest head that tessera::attention takes.
  TESSERA_CHECK(dit.head_dim() >= 6 && dit.head_dim() <= 256 && dit.head_dim() % 2 == 0,
                "dim / num_heads must be even and in [6, 256], got: ", dit.head_dim());
  TESSERA_CHECK(dit.freq_dim % 2 == 0, "\"freq_dim\" must be even, got: ", dit.freq_dim);
  TESSERA_CHECK(config.vae != VaeKind::kNone || (dit.in_channels == 3 && dit.out_channels == 3),
                "\"in_dim\" and \"out_dim\" must be 3 (red, green, blue) when \"vae\" is \"none\", "
                "got: ",
                dit.in_channels, " and ", dit.out_channels);
  const auto& defaults = config.defaults;
  TESSERA_CHECK(defaults.frames % dit.patch[0] == 0 && defaults.height % dit.patch[1] == 0 &&
                    defaults.width % dit.patch[2] == 0,
                "\"defaults\" must be multiples of patch_size ", dit.patch[0], ", ", dit.patch[1],
                ", ", dit.patch[2], ", got: ", defaults.frames, " frames of ", defaults.width, "x",
                defaults.height);
}

VideoConfig read_video_config(const std::filesystem::path& path) {
  auto json = nn::JsonObject::read(path);
  if (json.text("schema") != kSchema) json.fail("schema", std::string("must be ") + kSchema);
  json.choice("model_type", kModelTypes);
  VideoConfig config;
  config.dit = read_dit(json);
  config.prediction = static_cast<Prediction>(json.choice("prediction", kPredictions));
  config.vae = static_cast<VaeKind>(json.choice("vae", kVaes));
  config.text_encoder = static_cast<TextEncoderKind>(json.choice("text_encoder", kTextEncoders));
  config.defaults = read_defaults(json.object("defaults"));
  config.attention = read_tiles(json.object("attention"));
  json.finish();
  try {
    check_config(config);
  } catch (const InvalidArgument& error) {
    throw IoError(concat(path.string(), ": ", error.what()));
  }
  return config;
}

void write_video_config(const std::filesystem::path& path, const VideoConfig& config) {
  check_config(config);
  const WanConfig& dit = config.dit;
  const nlohmann::ordered_json json = {
      {"schema", kSchema},
      {"model_type", kModelTypes[0]},
      {"dim", dit.dim},
      {"num_heads", dit.num_heads},
      {"num_layers", dit.num_layers},
      {"ffn_dim", dit.ffn_dim},
      {"in_dim", dit.in_channels},
      {"out_dim", dit.out_channels},
      {"freq_dim", dit.freq_dim},
      {"text_dim", dit.text_dim},
      {"text_len", dit.text_len},
      {"patch_size", dit.patch},
      {"eps", dit.eps},
      {"prediction", kPredictions[static_cast<size_t>(config.prediction)]},
      {"vae", kVaes[static_cast<size_t>(config.vae)]},
      {"text_encoder", kTextEncoders[static_cast<size_t>(config.text_encoder)]},
      {"defaults",
       {{"frames", config.defaults.frames},
        {"width", config.defaults.width},
        {"height", config.defaults.height},
        {"fps", config.defaults.fps},
        {"steps", config.defaults.steps},
        {"guidance", config.defaults.guidance},
        {"shift", config.defaults.shift},
        {"threshold", config.defaults.threshold}}},
      {"attention", {{"q_tile", config.attention.q_tile}, {"kv_tile", config.attention.kv_tile}}}};
  write_file(path, json.dump(2) + "\n");
}

}  // namespace tessera::video
