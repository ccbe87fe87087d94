#include "tessera/segmentation/sam/sam_files.h"

#include <set>
#include <utility>

#include <ATen/TensorOperators.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/nn/torch_checkpoint.h"

namespace tessera::segmentation {
namespace {

namespace fs = std::filesystem;

// The frequencies of the coordinates: rounded to half a precision they would move every point.
constexpr const char* kFrequencies = "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix";

/// Sizes read off the shapes of a checkpoint's tensors.
class Shapes {
 public:
  explicit Shapes(const nn::Weights& weights) : weights_(weights) {}

  bool contains(const std::string& name) const { return weights_.tensors.contains(name); }

  int64_t extent(const std::string& name, int64_t dim, int64_t dims) const {
    const auto found = weights_.tensors.find(name);
    if (found == weights_.tensors.end())
      fail("must be an official SAM checkpoint (or its `state_dict`), with tensor \"" + name + "\"",
           "none of that name");
    if (found->second.dim() != dims)
      fail(concat("tensor \"", name, "\" must have ", dims, " dims"),
           concat(found->second.sizes()));
    return found->second.size(dim);
  }

  /// How many numbers follow the prefix, all from 0 on.
  int64_t count(const std::string& prefix) const {
    std::set<std::string> numbers;
    for (auto at = weights_.tensors.lower_bound(prefix);
         at != weights_.tensors.end() && at->first.starts_with(prefix); ++at)
      numbers.insert(
          at->first.substr(prefix.size(), at->first.find('.', prefix.size()) - prefix.size()));
    for (size_t i = 0; i < numbers.size(); ++i) {
      if (!numbers.contains(std::to_string(i)))
        fail(concat("the tensors \"", prefix, "...\" must be numbered from 0 on"),
             concat(numbers.size(), " numbers without ", i));
    }
    return static_cast<int64_t>(numbers.size());
  }

  [[noreturn]] void fail(const std::string& rule, const std::string& got) const {
    throw IoError(concat(weights_.source, ": ", rule, ", got: ", got));
  }

 private:
  const nn::Weights& weights_;
};

int64_t side_of_table(const Shapes& shapes, int64_t block) {
  const std::string name = concat("image_encoder.blocks.", block, ".attn.rel_pos_h");
  const int64_t rows = shapes.extent(name, 0, 2);
  if (rows % 2 == 0)
    shapes.fail("tensor \"" + name + "\" must have an odd number of rows", concat(rows));
  return (rows + 1) / 2;
}

void infer_encoder(const Shapes& shapes, SamConfig& config) {
  const std::string encoder = "image_encoder.";
  config.embed_dim = shapes.extent(encoder + "patch_embed.proj.weight", 0, 4);
  config.patch_size = shapes.extent(encoder + "patch_embed.proj.weight", 3, 4);
  config.depth = shapes.count(encoder + "blocks.");
  config.mlp_dim = shapes.extent(encoder + "blocks.0.mlp.lin1.weight", 0, 2);
  config.prompt_dim = shapes.extent(encoder + "neck.0.weight", 0, 4);
  const int64_t head_dim = shapes.extent(encoder + "blocks.0.attn.rel_pos_h", 1, 2);
  if (head_dim < 1 || config.embed_dim % head_dim != 0)
    shapes.fail(concat("the encoder's width must be a multiple of its heads' ", head_dim),
                concat(config.embed_dim));
  config.num_heads = config.embed_dim / head_dim;
  config.has_absolute_positions = shapes.contains(encoder + "pos_embed");

  // Tables for the whole grid are longer than those for a window.
  int64_t grid = config.has_absolute_positions ? shapes.extent(encoder + "pos_embed", 1, 4) : 0;
  std::vector<int64_t> sides;
  for (int64_t block = 0; block < config.depth; ++block) {
    sides.push_back(side_of_table(shapes, block));
    if (!config.has_absolute_positions) grid = std::max(grid, sides.back());
  }
  config.image_size = grid * config.patch_size;
  config.global_blocks.clear();
  for (int64_t block = 0; block < config.depth; ++block) {
    if (sides[block] == grid)
      config.global_blocks.push_back(block);
    else
      config.window_size = sides[block];
  }
}

void infer_decoder(const Shapes& shapes, SamConfig& config) {
  const std::string decoder = "mask_decoder.";
  config.mask_prompt_channels = shapes.extent("prompt_encoder.mask_downscaling.3.weight", 0, 4);
  config.decoder_depth = shapes.count(decoder + "transformer.layers.");
  config.decoder_mlp_dim = shapes.extent(decoder + "transformer.layers.0.mlp.lin1.weight", 0, 2);
  config.num_multimask = shapes.extent(decoder + "mask_tokens.weight", 0, 2) - 1;
  config.iou_head_depth = shapes.count(decoder + "iou_prediction_head.layers.");
  config.iou_head_dim = shapes.extent(decoder + "iou_prediction_head.layers.0.weight", 0, 2);
}

std::shared_ptr<Sam> make_sam(const SamConfig& config, const nn::Weights& weights) {
  auto sam = std::make_shared<Sam>(config);
  nn::load_modules(weights, {{"", sam.get()}});
  return sam;
}

nn::NamedTensors tensors_of(const Sam& sam) {
  // The names and tensors only; a module's own functions are not const.
  return nn::module_tensors({{"", const_cast<Sam*>(&sam)}});
}

}  // namespace

SamConfig infer_sam_config(const nn::Weights& weights) {
  const Shapes shapes(weights);
  SamConfig config;
  infer_encoder(shapes, config);
  infer_decoder(shapes, config);
  try {
    check_sam_config(config);
  } catch (const InvalidArgument& error) {
    throw IoError(concat(weights.source, ": ", error.what()));
  }
  return config;
}

std::shared_ptr<Sam> load_sam(const fs::path& path) {
  if (fs::is_directory(path))
    return make_sam(read_sam_config(path / "config.json"), nn::load_weights(path));
  const auto weights =
      path.extension() == ".safetensors" ? nn::load_weights(path) : nn::load_torch_checkpoint(path);
  return make_sam(infer_sam_config(weights), weights);
}

void save_sam(const Sam& sam, const fs::path& folder, at::ScalarType dtype,
              const nn::Metadata& metadata) {
  TESSERA_CHECK(at::isFloatingType(dtype),
                "[save_sam] dtype must be a floating-point one, got: ", at::toString(dtype));
  auto tensors = tensors_of(sam);
  for (auto& [name, tensor] : tensors)
    if (name != kFrequencies) tensor = tensor.detach().to(dtype);
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw IoError(concat(folder.string(), ": cannot be made: ", error.message()));
  nn::save_weights(folder / "model.safetensors", tensors, metadata);
  write_file(folder / "config.json", sam_config_json(sam.config));
}

std::string sam_digest(const Sam& sam) {
  std::string text = sam_config_json(sam.config);
  for (const auto& [name, tensor] : tensors_of(sam)) {
    const auto values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
    const auto* bytes = static_cast<const std::byte*>(values.const_data_ptr());
    text += concat(name, " ", values.sizes(), " ", sha256({bytes, values.nbytes()}), "\n");
  }
  return sha256(std::as_bytes(std::span(text)));
}

}  // namespace tessera::segmentation
