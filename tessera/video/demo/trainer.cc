#include "tessera/video/demo/trainer.h"

#include <algorithm>
#include <cmath>
#include <span>

#include <ATen/ATen.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/random.h"
#include "tessera/nn/autocast.h"
#include "tessera/nn/device.h"
#include "tessera/video/demo/vocabulary.h"
#include "tessera/video/prediction.h"
#include "tessera/video/video_model.h"
#include "tessera/video/wan/dit.h"
#include "tessera/video/word_encoder.h"

namespace tessera::video {
namespace {

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
  std::string text = concat(
      "dim ", dit.dim, " heads ", dit.num_heads, " layers ", dit.num_layers, " ffn ", dit.ffn_dim,
      " patch ", dit.patch[0], "x", dit.patch[1], "x", dit.patch[2], " text ", dit.text_len, "x",
      dit.text_dim, " prediction ", static_cast<int>(model.config.prediction), " vocabulary ",
      sha256(std::as_bytes(std::span(model.vocabulary->text()))).substr(0, 12), " dropout ",
      settings.prompt_dropout, " shift ", settings.tokens_without_shift, " ",
      nn::describe(settings, job.communicator->world_size()), " clips");
  for (const auto& stage : settings.stages) {
    for (const auto& entry : stage.shapes) {
      text += concat(" ", entry.batch, "x", entry.shape.frames, "x", entry.shape.height, "x",
                     entry.shape.width, "@", stage.until);
    }
  }
  return text;
}

nn::ParameterList parameters_of(const VideoModel& model) {
  nn::ParameterList result;
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

/// Muon's are the matrices of the blocks.
bool is_hidden_matrix(const std::string& name) { return name.starts_with("blocks."); }

class Trainer {
 public:
  explicit Trainer(const TrainingJob& job)
      : job_(job),
        settings_(job.settings),
        rank_(job.communicator->rank()),
        device_(nn::open_device(job.device)),
        model_(start_model(job)),
        parameters_(parameters_of(model_), device_, is_hidden_matrix),
        clips_(device_),
        attention_(torch_self_attention()) {
    model_.dit->set_rope_dtype(at::kComplexFloat);
    if (device_.is_cuda()) at::globalContext().setAllowTF32CuBLAS(true);
  }

  TrainingEnd run() {
    nn::TrainingTask task;
    task.name = "train_demo_video";
    task.fingerprint = fingerprint_of(model_, job_);
    task.parameters = &parameters_;
    task.step = [this](int64_t step, double fraction) { return this->step(step, fraction); };
    task.save_model = [this](const nn::TrainingPosition& position, const at::Tensor& average) {
      save_model(position, average);
    };
    return nn::run_training(task, settings_, job_);
  }

 private:
  nn::StepResult step(int64_t step, double fraction) {
    step_ = step;
    const ClipShare& entry = pick_shape(fraction);
    const Clips clips = clips_.draw(entry.batch, entry.shape, seed_for(rank_, 4));
    const at::Tensor loss = loss_of(clips);
    loss.backward();
    return {loss.detach().view({1}), static_cast<double>(entry.batch)};
  }

  uint64_t seed_for(int rank, int use) const {
    return nn::step_seed(settings_.seed, step_, rank, use);
  }

  /// All ranks draw the same shape: their steps then take the same time.
  const ClipShare& pick_shape(double fraction) const {
    const TrainingStage* stage = settings_.stages.data();
    while (stage->until <= fraction && stage != &settings_.stages.back()) ++stage;
    double left = 0;
    for (const auto& entry : stage->shapes) left += entry.share;
    left *= Random(seed_for(0, 1)).uniform();
    for (const auto& entry : stage->shapes) {
      if ((left -= entry.share) < 0) return entry;
    }
    return stage->shapes.back();
  }

  at::Tensor context_of(const std::vector<std::string>& prompts) const {
    Random random(seed_for(rank_, 2));
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
    at::Generator generator = nn::make_generator(device_, seed_for(rank_, 3));
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

  void save_model(const nn::TrainingPosition& position, const at::Tensor& average) const {
    VideoModel averaged = make_video_model(model_.config, *model_.vocabulary);
    std::map<std::string, at::Tensor> targets;
    for (auto& [name, tensor] : parameters_of(averaged)) targets[name] = tensor;
    for (const auto& [name, tensor] : parameters_.named(average)) targets.at(name).copy_(tensor);
    save_video_model(averaged, job_.run_folder / "model", at::kBFloat16,
                     {{"trained_steps", std::to_string(position.step)},
                      {"trained_clips", std::to_string(static_cast<int64_t>(position.samples))},
                      {"seed", std::to_string(settings_.seed)}});
  }

  const TrainingJob& job_;
  const TrainingSettings& settings_;
  int rank_;
  at::Device device_;
  VideoModel model_;
  nn::FlatParameters parameters_;
  ClipGenerator clips_;
  SelfAttention attention_;
  int64_t step_ = 0;
};

}  // namespace

TrainingEnd train_demo_video(const TrainingJob& job) {
  check_settings(job.settings);
  nn::check_run(job.settings, job, "train_demo_video");
  return Trainer(job).run();
}

}  // namespace tessera::video
