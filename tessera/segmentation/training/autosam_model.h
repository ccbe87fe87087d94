// AutoSAM: a frozen SAM, the network g that writes its dense prompt, and h that reads g without
// SAM.
//
// One class for all methods: what a method does not use is null. A model folder holds config.json
// (schema tessera.autosam_model/1) and model.safetensors (fp32): g, h, the affine map behind the
// decoder, or the U-Net. SAM is not in it: config.json names the file it was trained with and its
// digest, and another SAM is refused.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "tessera/nn/weight_files.h"
#include "tessera/segmentation/autosam/plain_unet.h"
#include "tessera/segmentation/autosam/prompt_generator.h"
#include "tessera/segmentation/autosam/surrogate_decoder.h"
#include "tessera/segmentation/sam/sam.h"
#include "tessera/segmentation/training/autosam_settings.h"

namespace tessera::segmentation {

/// A frozen SAM and where it came from.
struct FrozenSam {
  std::shared_ptr<Sam> sam;  // null for methods without SAM
  std::string path;          // as the user gave it
  std::string digest;        // sam_digest()
};

/// Loads, freezes and digests. Throws IoError as load_sam.
FrozenSam load_frozen_sam(const std::filesystem::path& path);

/// No gradients for any parameter, eval mode.
void freeze(Sam& sam);

/// SAM's embeddings, without gradients; bf16 autocast on a GPU. pictures uint8 [B, 3, S, S] on
/// SAM's device -> fp16 [B, prompt_dim, grid, grid]. On a CPU picture by picture, so that an
/// embedding does not depend on its neighbours in the batch.
at::Tensor embed(const Sam& sam, const at::Tensor& pictures);

struct AutoSamConfig {
  Method method = Method::kAutoSam;
  HarDNetOrder order = HarDNetOrder::k68;
  PromptGeneratorOptions generator;
  int64_t prompt_dim = 256, grid = 64;  // of SAM's embedding; also of methods without SAM
  int picture_size = 512;               // SAM's input; unused without SAM
  int g_size = 256;
  int tile = 0;  // source pixels that a picture spans; 0: the whole image
  bool has_surrogate = false;
  double threshold = 0.5;  // on probabilities
  std::string sam_path, sam_digest;

  int mask_size() const { return static_cast<int>(4 * grid); }
};

/// The configuration that `settings` give, tile decided, in this SAM's sizes; without one in those
/// of Meta's models. Methods that do not use the SAM take its sizes alone.
AutoSamConfig autosam_config(const AutoSamSettings& settings, const FrozenSam& sam, int tile);

class AutoSamModel {
 public:
  /// New networks with random weights from the seed. Throws InvalidArgument when the method needs a
  /// SAM and there is none, or its sizes do not fit.
  AutoSamModel(const AutoSamConfig& config, FrozenSam sam, uint64_t seed);

  /// Logits of the full path: [B, 1, mask_size, mask_size], fp32.
  /// prompt_pictures: uint8 [B, 3, g_size, g_size]. embeddings: as embed() gives; undefined and
  /// unused where the method has no SAM. Differentiable in g, h, affine, U-Net.
  at::Tensor forward(const at::Tensor& prompt_pictures, const at::Tensor& embeddings);

  /// Logits of g and h alone. Throws InvalidArgument without an h.
  at::Tensor forward_fast(const at::Tensor& prompt_pictures);

  /// g's dense prompt, [B, prompt_dim, grid, grid], and what reads it.
  at::Tensor prompt(const at::Tensor& prompt_pictures);
  at::Tensor decode(const at::Tensor& prompt, const at::Tensor& embeddings);  // frozen SAM
  at::Tensor read_prompt(const at::Tensor& prompt);                           // h

  /// Whether forward() needs embeddings.
  bool needs_embeddings() const { return config_.method == Method::kAutoSam; }

  /// Gives method autosam an h with random weights.
  void add_surrogate(uint64_t seed);

  /// Everything that is trained or saved, by its prefix in the file ("g.", "h.", "affine.",
  /// "unet."); SAM is not among them.
  std::vector<nn::ModulePart> parts() const;

  void to(at::Device device);
  at::Device device() const { return device_; }
  /// BatchNorm of g or the U-Net; SAM stays in eval mode.
  void train(bool is_training);

  const AutoSamConfig& config() const { return config_; }
  void set_threshold(double threshold) { config_.threshold = threshold; }
  const FrozenSam& frozen_sam() const { return sam_; }
  SurrogateDecoder* surrogate() const { return h_.get(); }
  PromptGenerator* generator() const { return g_.get(); }

 private:
  /// uint8 [B, 3, Y, X] -> fp32, less SAM's mean, by SAM's deviation; for g and the U-Net.
  at::Tensor normalise(const at::Tensor& pictures) const;

  struct Affine;  // the learned 1x1 map of SAM's logits: scale, offset
  AutoSamConfig config_;
  FrozenSam sam_;
  std::shared_ptr<PromptGenerator> g_;
  std::shared_ptr<SurrogateDecoder> h_;
  std::shared_ptr<PlainUnet> unet_;
  std::shared_ptr<Affine> affine_;
  at::Tensor mean_, deviation_;  // [1, 3, 1, 1], on the device
  at::Device device_{at::kCPU};
};

/// Writes the model folder, each file in one step.
void save_autosam(const AutoSamModel& model, const std::filesystem::path& folder,
                  const nn::Metadata& metadata = {});

/// The configuration of a model folder, strictly read. Throws IoError.
AutoSamConfig read_autosam_config(const std::filesystem::path& folder);

/// Loads a model folder. `sam` may be empty for a method without SAM, or when only the fast path
/// (g + h) is wanted. Throws IoError: files, weights that do not fit, a SAM whose digest is not the
/// one that the model was trained with.
AutoSamModel load_autosam(const std::filesystem::path& folder, FrozenSam sam);

}  // namespace tessera::segmentation
