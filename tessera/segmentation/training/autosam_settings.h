// What a training run is asked to do, and its JSON form (schema tessera.autosam/1).
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "tessera/segmentation/autosam/prompt_generator.h"
#include "tessera/segmentation/data/views.h"

namespace tessera::segmentation {

/// What is trained. All methods share data, views, loss, schedule and early stop.
enum class Method {
  kAutoSam,    ///< g writes the dense prompt of a frozen SAM
  kPlainHead,  ///< g and h together, without SAM: what the frozen SAM adds
  kUnet,       ///< a plain U-Net
};

/// "autosam", "plain-head", "unet". Throws InvalidArgument that lists them.
Method parse_method(const std::string& name);
std::string method_name(Method method);

/// `tile` chosen from the training masks, see choose_tile().
inline constexpr int kAutoTile = -1;

/// Random changes of a view. Those of `view` change the picture for SAM and for g alike and are
/// part of a cached embedding's key; those of `prompt` change g's picture alone, freshly at every
/// step, at no cost.
struct Augmentation {
  double max_rotation_degrees = 180;
  double min_scale = 0.7, max_scale = 1.4;
  bool has_flips = true;
  ColourSettings view_colours;
  ColourSettings prompt_colours;
};

/// The second stage of method autosam: h learns to read what the trained g writes.
struct SurrogateSettings {
  int max_epochs = 20;  // 0: no h
  double learning_rate = 2e-3;
  /// Share of the loss that compares with SAM's mask instead of the truth, in [0, 1]. Above 0 each
  /// step costs SAM's decoder (and embeddings) again.
  double distillation = 0;
};

struct AutoSamSettings {
  Method method = Method::kAutoSam;
  HarDNetOrder order = HarDNetOrder::k68;  // of g
  PromptGeneratorOptions generator;
  int g_size = 256;      // side of g's (or the U-Net's) picture, a multiple of 16
  int tile = kAutoTile;  // source pixels; 0: the whole image
  /// Different views of each image and tile-sized share of it; 0: a fresh one at every step, which
  /// costs SAM's encoder each time. plain-head and unet need no encoder and always draw afresh.
  int views_per_image = 8;
  /// An epoch draws an image area / tile^2 times, at least once and at most this often.
  int max_tiles_per_image = 4;
  /// Small sets are repeated until an epoch has so many views.
  int min_views_per_epoch = 256;
  int batch = 8;
  double learning_rate = 1e-3;
  double weight_decay = 0.01;  // decoupled, matrices and kernels only
  int warmup_steps = 50;
  double max_gradient_norm = 1;
  double average_decay = 0.99;  // of the weights that are validated and kept, per step
  int max_epochs = 100;         // the learning rate falls to zero along a cosine until then
  double max_minutes = 0;       // 0: no limit; the cosine follows the larger fraction
  int validate_every = 1;       // epochs
  int patience = 25;            // epochs without a better validation Dice; 0: never stop early
  /// Keeps the threshold with the best validation Dice in the model, instead of .5.
  bool chooses_threshold = false;
  uint64_t seed = 1;
  Augmentation augmentation;
  SurrogateSettings surrogate;
  std::string device = "cpu";
};

/// Throws InvalidArgument that names the first setting out of range.
void check_settings(const AutoSamSettings& settings);

/// Pretty-printed JSON, every field; read_autosam_settings() reads it back to equal values and
/// refuses missing, unknown and wrong entries with an IoError.
std::string autosam_settings_json(const AutoSamSettings& settings);
AutoSamSettings read_autosam_settings(const std::filesystem::path& path);

/// The views that training draws.
ViewSettings view_settings(const AutoSamSettings& settings, int tile);

}  // namespace tessera::segmentation
