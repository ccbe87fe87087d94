#include "tessera/video/demo/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>

#include <ATen/ATen.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/random.h"
#include "tessera/nn/autocast.h"
#include "tessera/nn/device.h"
#include "tessera/video/demo/delayed_numbers.h"
#include "tessera/video/demo/flat_parameters.h"
#include "tessera/video/demo/training_checkpoint.h"
#include "tessera/video/demo/vocabulary.h"
#include "tessera/video/prediction.h"
#include "tessera/video/video_model.h"
#include "tessera/video/wan/dit.h"
#include "tessera/video/word_encoder.h"

namespace tessera::video {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<ClipShare> all_shapes(const TrainingSettings& settings) {
  std::vector<ClipShare> shapes;
  for (const auto& stage : settings.stages) {
    TESSERA_CHECK(!stage.shapes.empty(),
                  "[train_demo_video] a stage needs at least one clip shape");
    shapes.insert(shapes.end(), stage.shapes.begin(), stage.shapes.end());
  }
  return shapes;
}

void check_settings(const TrainingSettings& settings) {
  TESSERA_CHECK(!settings.stages.empty() && settings.stages.back().until >= 1,
                "[train_demo_video] the stages must reach the run's end");
  TESSERA_CHECK(settings.max_steps > 0 || settings.max_minutes > 0,
                "[train_demo_video] max_steps or max_minutes must be > 0, got: ",
                settings.max_steps, " and ", settings.max_minutes);
  for (const auto& entry : all_shapes(settings)) {
    TESSERA_CHECK(entry.share > 0 && entry.batch >= 1,
                  "[train_demo_video] a clip shape needs a share > 0 and a batch >= 1, got: ",
                  entry.share, " and ", entry.batch);
  }
}

/// What may not change between a checkpoint and its continuation: what the network is, and what
/// decides the next step beside the weights. Lengths of the run may.
std::string fingerprint_of(const VideoModel& model, const TrainingJob& job) {
  const auto& dit = model.config.dit;
  const auto& settings = job.settings;
  const auto& optimiser = settings.optimiser;
  std::string text = concat(
      "dim ", dit.dim, " heads ", dit.num_heads, " layers ", dit.num_layers, " ffn ", dit.ffn_dim,
      " patch ", dit.patch[0], "x", dit.patch[1], "x", dit.patch[2], " text ", dit.text_len, "x",
      dit.text_dim, " prediction ", static_cast<int>(model.config.prediction), " vocabulary ",
      sha256(std::as_bytes(std::span(model.vocabulary->text()))).substr(0, 12), " seed ",
      settings.seed, " ranks ", job.communicator->world_size(), " rate ", settings.learning_rate,
      " warm-up ", settings.warmup_steps, " decay from ", settings.decay_from, " dropout ",
      settings.prompt_dropout, " shift ", settings.tokens_without_shift, " optimiser ",
      optimiser.beta1, ",", optimiser.beta2, ",", optimiser.momentum, ",", optimiser.muon_scale,
      ",", optimiser.weight_decay, ",", optimiser.average_decay, " clips");
  for (const auto& stage : settings.stages) {
    for (const auto& entry : stage.shapes) {
      text += concat(" ", entry.batch, "x", entry.shape.frames, "x", entry.shape.height, "x",
                     entry.shape.width, "@", stage.until);
    }
  }
  return text;
}

/// A seed for one use in one step: streams of different ranks and uses do not meet.
uint64_t seed_for(uint64_t seed, int64_t step, int rank, int use) {
  Random mix(seed ^ (static_cast<uint64_t>(step) * 0x9e3779b97f4a7c15ull) ^
             (static_cast<uint64_t>(rank) << 56) ^ (static_cast<uint64_t>(use) << 48));
  mix.next();
  return mix.next() >> 1;  // Torch's generators take 63 bits everywhere
}

NamedTensors parameters_of(const VideoModel& model) {
  NamedTensors result;
  for (const auto& entry : model.dit->named_parameters())
    result.emplace_back(entry.key(), entry.value());
  for (const auto& entry : model.words->named_parameters()) {
    result.emplace_back("word_encoder." + entry.key(), entry.value());
  }
  return result;
}

VideoModel start_model(const TrainingJob& job) {
  if (job.initial_model) {
    VideoModel model = load_video_model(*job.initial_model);
    for (auto& entry : parameters_of(model)) entry.second.set_data(entry.second.to(at::kFloat));
    return model;
  }
  VideoModel model =
      make_video_model(job.config, Vocabulary::parse(demo_vocabulary_text(), "vocab.txt"));
  initialise_weights(*model.dit, job.settings.seed);
  initialise_weights(*model.words, job.settings.seed + 1);
  return model;
}

class Trainer {
 public:
  explicit Trainer(const TrainingJob& job)
      : job_(job),
        settings_(job.settings),
        rank_(job.communicator->rank()),
        device_(nn::open_device(job.device)),
        model_(start_model(job)),
        parameters_(parameters_of(model_), device_),
        optimiser_(parameters_, settings_.optimiser),
        clips_(device_),
        attention_(torch_self_attention()) {
    model_.dit->set_rope_dtype(at::kComplexFloat);
    if (device_.is_cuda()) at::globalContext().setAllowTF32CuBLAS(true);
    if (job.is_resumed) {
      position_ = load_checkpoint(job.run_folder / "checkpoint.safetensors", parameters_.values(),
                                  optimiser_, fingerprint_of(model_, job));
    }
  }

  TrainingEnd run() {
    const auto start = Clock::now();
    const double elapsed_before = position_.elapsed_seconds;
    agreed_minutes_ = fraction_of_minutes();
    double next_report = 0, next_checkpoint = settings_.checkpoint_every_minutes * 60;
    while (true) {
      const double here = seconds_since(start);
      position_.elapsed_seconds = elapsed_before + here;
      // The ranks' clocks differ: what counts is their mean, which travels with the gradients and
      // is read a step later.
      const TrainingEnd end = end_of_run();
      if (end != TrainingEnd::kFinished || fraction() >= 1) {
        hear();
        save();
        report(true);
        return end;
      }
      step(fraction_of_minutes(), end_wish(here));
      if (here >= next_report) {
        report(false);
        next_report = here + job_.report_every_seconds;
      }
      if (here >= next_checkpoint) {
        save();
        next_checkpoint = here + settings_.checkpoint_every_minutes * 60;
      }
    }
  }

 private:
  /// Part of the minutes that are used up by this rank's clock.
  double fraction_of_minutes() const {
    return settings_.max_minutes > 0 ? position_.elapsed_seconds / (60 * settings_.max_minutes) : 0;
  }

  /// Part of the run that is done; the same on all ranks.
  double fraction() const {
    const double of_steps = settings_.max_steps > 0 ? static_cast<double>(position_.step) /
                                                          static_cast<double>(settings_.max_steps)
                                                    : 0;
    return std::max(of_steps, agreed_minutes_);
  }

  /// 1 when this rank wants to pause, 1000 when it was told to stop: the mean over the ranks tells
  /// every rank the same.
  double end_wish(double seconds_here) const {
    if (job_.should_stop && job_.should_stop()) return 1000;
    const bool is_pause =
        settings_.pause_after_minutes > 0 && seconds_here >= 60 * settings_.pause_after_minutes;
    return is_pause ? 1 : 0;
  }

  TrainingEnd end_of_run() const {
    if (agreed_end_ >= 1000.0 / job_.communicator->world_size()) return TrainingEnd::kInterrupted;
    if (agreed_end_ > 0) return TrainingEnd::kPaused;
    return TrainingEnd::kFinished;
  }

  double learning_rate() const {
    const double warm =
        std::min(1.0, static_cast<double>(position_.step + 1) /
                          static_cast<double>(std::max<int64_t>(1, settings_.warmup_steps)));
    const double fall = (1 - fraction()) / std::max(1e-6, 1 - settings_.decay_from);
    return settings_.learning_rate * warm * std::clamp(fall, 0.0, 1.0);
  }

  /// All ranks draw the same shape: their steps then take the same time.
  const ClipShare& pick_shape() const {
    const TrainingStage* stage = settings_.stages.data();
    while (stage->until <= fraction() && stage != &settings_.stages.back()) ++stage;
    double left = 0;
    for (const auto& entry : stage->shapes) left += entry.share;
    left *= Random(seed_for(settings_.seed, position_.step, 0, 1)).uniform();
    for (const auto& entry : stage->shapes) {
      if ((left -= entry.share) < 0) return entry;
    }
    return stage->shapes.back();
  }

  at::Tensor context_of(const std::vector<std::string>& prompts) const {
    Random random(seed_for(settings_.seed, position_.step, rank_, 2));
    const int64_t text_len = model_.config.dit.text_len;
    std::vector<at::Tensor> rows;
    for (const auto& prompt : prompts) {
      const bool is_withheld = random.uniform() < settings_.prompt_dropout;
      const PromptWords words = is_withheld ? PromptWords{} : model_.vocabulary->look_up(prompt);
      TESSERA_ASSERT(words.unknown.empty());
      rows.push_back(pad_ids(words.ids, text_len));
    }
    return model_.words->forward(at::stack(rows).to(device_, /*non_blocking=*/true));
  }

  at::Tensor loss_of(const Clips& clips) {
    const at::Tensor& x0 = clips.video;
    at::Generator generator =
        nn::make_generator(device_, seed_for(settings_.seed, position_.step, rank_, 3));
    const at::Tensor u = at::rand({x0.size(0)}, generator, x0.options());
    const double shift = noise_shift(x0);
    const at::Tensor sigma = (shift * u / (1 + (shift - 1) * u)).clamp_min(1e-3);
    const at::Tensor s = sigma.view({-1, 1, 1, 1, 1});
    const at::Tensor noise = at::randn(x0.sizes(), generator, x0.options());
    const at::Tensor noisy = at::lerp(x0, noise, s);
    at::Tensor output;
    {
      const nn::AutocastOnCuda autocast(device_);
      output = model_.dit->forward(noisy, 1000 * sigma, context_of(clips.prompts), attention_);
    }
    return prediction_error(model_.config.prediction, output, x0, noisy, s).square().mean();
  }

  /// A scene shown by more tokens is seen through more samples of the noise, so that its layout is
  /// decided at a higher sigma: the shift grows with the square root of the tokens.
  double noise_shift(const at::Tensor& x0) const {
    const auto tokens = static_cast<double>(model_.dit->grid_of(x0).num_tokens());
    return std::max(1.0, std::sqrt(tokens / settings_.tokens_without_shift));
  }

  void step(double used_minutes, double wished_end) {
    const ClipShare& entry = pick_shape();
    const Clips clips =
        clips_.draw(entry.batch, entry.shape, seed_for(settings_.seed, position_.step, rank_, 4));
    const at::Tensor loss = loss_of(clips);
    loss.backward();
    // Behind the gradients, in one exchange: the loss, what this rank wishes, and the sum of its
    // weights, by which each rank sees whether the others still hold the same.
    const at::Tensor wishes =
        at::tensor({used_minutes, wished_end}, at::kFloat).to(device_, /*non_blocking=*/true);
    const at::Tensor own_sum = parameters_.values().sum().view({1});
    at::Tensor bucket =
        at::cat({parameters_.take_gradients(), loss.detach().view({1}), wishes, own_sum});
    job_.communicator->all_reduce_mean(bucket);
    const int64_t size = bucket.numel() - 4;
    gradient_norm_ = optimiser_.step(bucket.narrow(0, 0, size), learning_rate());
    // Read one step late, so that the device always has the next step's work waiting.
    hear();
    told_.send(at::cat({bucket.narrow(0, size, 4), own_sum}));
    ++position_.step;
    position_.clips += static_cast<double>(entry.batch) * job_.communicator->world_size();
  }

  /// Takes in what all ranks said at the last step.
  void hear() {
    const double* values = told_.receive();
    if (values == nullptr) return;
    if (!std::isfinite(values[0])) {
      throw Error(concat("[train_demo_video] the loss is no longer a number at step ",
                         position_.step - 1,
                         "; continue from the last checkpoint with a smaller learning rate"));
    }
    if (std::abs(values[3] - values[4]) > 1e-5 * (1 + std::abs(values[4]))) {
      throw Error(concat("[train_demo_video] the ranks hold different weights at step ",
                         position_.step - 1));
    }
    loss_sum_ += values[0];
    ++loss_count_;
    agreed_minutes_ = values[1];
    agreed_end_ = values[2];
  }

  void report(bool is_last) {
    if (rank_ != 0 || !job_.report || (loss_count_ == 0 && !is_last)) return;
    job_.report({position_.step, std::min(1.0, fraction()), position_.elapsed_seconds,
                 position_.clips,
                 loss_count_ > 0 ? loss_sum_ / static_cast<double>(loss_count_) : 0.0,
                 gradient_norm_.defined() ? gradient_norm_.item<double>() : 0.0, learning_rate()});
    loss_sum_ = 0;
    loss_count_ = 0;
  }

  void save() {
    if (rank_ != 0) return;
    const at::NoGradGuard no_grad;
    if (!at::isfinite(parameters_.values()).all().item<bool>()) {
      throw Error(concat("[train_demo_video] the weights are no longer numbers at step ",
                         position_.step, "; the last checkpoint is kept, continue from it"));
    }
    save_checkpoint(job_.run_folder / "checkpoint.safetensors", parameters_.values(), optimiser_,
                    position_, fingerprint_of(model_, job_));
    VideoModel averaged = make_video_model(model_.config, *model_.vocabulary);
    std::map<std::string, at::Tensor> targets;
    for (auto& [name, tensor] : parameters_of(averaged)) targets[name] = tensor;
    for (const auto& [name, tensor] : parameters_.named(optimiser_.average))
      targets.at(name).copy_(tensor);
    save_video_model(averaged, job_.run_folder / "model", at::kBFloat16,
                     {{"trained_steps", std::to_string(position_.step)},
                      {"trained_clips", std::to_string(static_cast<int64_t>(position_.clips))},
                      {"seed", std::to_string(settings_.seed)}});
  }

  const TrainingJob& job_;
  const TrainingSettings& settings_;
  int rank_;
  at::Device device_;
  VideoModel model_;
  FlatParameters parameters_;
  Optimiser optimiser_;
  ClipGenerator clips_;
  SelfAttention attention_;
  TrainingPosition position_;
  double agreed_minutes_ = 0, agreed_end_ = 0;
  double loss_sum_ = 0;
  int64_t loss_count_ = 0;
  at::Tensor gradient_norm_;
  DelayedNumbers told_;
};

}  // namespace

TrainingEnd train_demo_video(const TrainingJob& job) {
  check_settings(job.settings);
  TESSERA_CHECK(job.communicator != nullptr, "[train_demo_video] a communicator is needed");
  std::error_code failure;
  std::filesystem::create_directories(job.run_folder, failure);
  if (failure)
    throw IoError(concat(job.run_folder.string(), ": cannot be made: ", failure.message()));
  return Trainer(job).run();
}

}  // namespace tessera::video
