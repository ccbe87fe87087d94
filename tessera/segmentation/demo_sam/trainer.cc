#include "tessera/segmentation/demo_sam/trainer.h"

#include <algorithm>
#include <map>
#include <optional>

#include <ATen/Context.h>
#include <ATen/core/Generator.h>
#include <ATen/core/grad_mode.h>

#include "tessera/core/error.h"
#include "tessera/nn/autocast.h"
#include "tessera/nn/device.h"
#include "tessera/segmentation/demo_sam/rounds.h"
#include "tessera/segmentation/sam/sam.h"
#include "tessera/segmentation/sam/sam_files.h"

namespace tessera::segmentation {
namespace {

using at::Tensor;

constexpr int kUseOfRounds = 2, kUseOfDevice = 3;  // in step_seed; the batches have 0 and 1

std::string fingerprint_of(const SamTrainingJob& job) {
  const SamTrainingSettings& s = job.settings;
  return concat(sam_config_json(job.config), " batch ", s.batch, " targets ", s.targets.points, ",",
                s.targets.boxes, ",", s.targets.guided, " objects ", s.max_objects, " corrections ",
                s.min_corrections, "-", s.max_corrections, " balanced until ", s.balanced_until,
                " uses ", s.uses_per_scene, " pool ", s.pool, " ",
                nn::describe(s, job.communicator->world_size()));
}

/// Muon's are the matrices between hidden features: the encoder's blocks and the decoder's
/// transformer.
bool is_hidden_matrix(const std::string& name) {
  return name.starts_with("image_encoder.blocks.") || name.starts_with("mask_decoder.transformer.");
}

nn::ParameterList parameters_of(const Sam& sam) {
  nn::ParameterList result;
  for (const auto& entry : sam.named_parameters()) result.emplace_back(entry.key(), entry.value());
  return result;
}

class SamTrainer {
 public:
  explicit SamTrainer(const SamTrainingJob& job)
      : job_(job),
        settings_(job.settings),
        device_(nn::open_device(job.device)),
        sam_(initialised(job, device_)),
        parameters_(parameters_of(*sam_), device_, is_hidden_matrix) {
    if (device_.is_cuda()) at::globalContext().setAllowTF32CuBLAS(true);
  }

  nn::TrainingEnd run() {
    nn::TrainingTask task;
    task.name = "train_demo_sam";
    task.fingerprint = fingerprint_of(job_);
    task.parameters = &parameters_;
    task.step = [this](int64_t step, double fraction) { return this->step(step, fraction); };
    task.save_model = [this](const nn::TrainingPosition& position, const Tensor& average) {
      save_model(position, average);
    };
    return nn::run_training(task, settings_, job_);
  }

 private:
  static std::shared_ptr<Sam> initialised(const SamTrainingJob& job, at::Device device) {
    std::shared_ptr<Sam> sam;
    // A resumed run too: the checkpoint has the parameters, not the random matrix of the positions.
    if (job.initial_model.empty()) {
      sam = std::make_shared<Sam>(job.config);
      sam->initialise(job.settings.seed);
    } else {
      sam = load_sam(job.initial_model);
      TESSERA_CHECK(sam->config == job.config,
                    "[train_demo_sam] the initial model must have the configuration ",
                    sam_config_json(job.config), ", got: ", sam_config_json(sam->config));
    }
    sam->to(device);
    return sam;
  }

  SceneStream stream() const {
    SceneStream stream;
    stream.scenes.size = static_cast<int>(job_.config.image_size);
    stream.scenes.max_objects = settings_.max_objects;
    stream.seed = settings_.seed;
    stream.rank = job_.communicator->rank();
    stream.batch = settings_.batch;
    stream.targets = settings_.targets;
    stream.uses_per_scene = settings_.uses_per_scene;
    stream.pool = settings_.pool;
    stream.num_threads = settings_.loader_threads;
    stream.is_page_locked = device_.is_cuda();
    return stream;
  }

  nn::StepResult step(int64_t step, double fraction) {
    if (!batches_) batches_.emplace(stream(), step);
    const SceneBatch batch = batches_->next();
    // All ranks do as many rounds: their steps then take the same time.
    Random rounds(nn::step_seed(settings_.seed, step, 0, kUseOfRounds));
    const int choices = settings_.max_corrections - settings_.min_corrections + 1;
    const int corrections = settings_.min_corrections + static_cast<int>(rounds.below(choices));
    at::Generator generator = nn::make_generator(
        device_, nn::step_seed(settings_.seed, step, job_.communicator->rank(), kUseOfDevice));

    const auto on_device = [&](const Tensor& tensor) {
      return tensor.to(device_, /*non_blocking=*/true);
    };
    const Tensor embedding = encode(on_device(batch.images).permute({0, 3, 1, 2}));
    Tensor leaf = embedding.detach().requires_grad_();
    const BatchTables tables =
        split_numbers(on_device(batch.numbers), settings_.batch, settings_.targets);
    const double balance = balance_at(fraction);
    const Tensor numbers = run_rounds(
        *sam_, leaf,
        first_prompts(job_.config, on_device(batch.labels), tables, settings_.targets, generator),
        corrections, balance, generator);
    embedding.backward(leaf.grad());
    return {numbers, static_cast<double>(settings_.batch)};
  }

  double balance_at(double fraction) const {
    const double until = settings_.balanced_until;
    return until > 0 ? std::max(0.0, 1 - fraction / until) : 0;
  }

  Tensor encode(const Tensor& images) const {
    const nn::AutocastOnCuda autocast(device_);
    return sam_->encode_image(sam_->normalise(images));
  }

  void save_model(const nn::TrainingPosition& position, const Tensor& average) const {
    const at::NoGradGuard no_grad;
    Sam averaged(job_.config);
    std::map<std::string, Tensor> targets;
    for (auto& [name, tensor] : parameters_of(averaged)) targets[name] = tensor;
    for (const auto& [name, tensor] : parameters_.named(average)) targets.at(name).copy_(tensor);
    auto buffers = averaged.named_buffers();
    for (const auto& entry : sam_->named_buffers()) buffers[entry.key()].copy_(entry.value());
    save_sam(averaged, job_.run_folder / "model", at::kHalf,
             {{"trained_steps", std::to_string(position.step)},
              {"trained_images", std::to_string(static_cast<int64_t>(position.samples))},
              {"seed", std::to_string(settings_.seed)}});
  }

  const SamTrainingJob& job_;
  const SamTrainingSettings& settings_;
  at::Device device_;
  std::shared_ptr<Sam> sam_;
  nn::FlatParameters parameters_;
  std::optional<SceneBatches> batches_;
};

void check_settings(const SamTrainingSettings& settings) {
  const TargetCounts& counts = settings.targets;
  TESSERA_CHECK(settings.batch >= 1, "[train_demo_sam] batch must be >= 1, got: ", settings.batch);
  TESSERA_CHECK(counts.points >= 0 && counts.boxes >= 0 && counts.guided >= 0 && counts.total() > 0,
                "[train_demo_sam] an image needs targets, got: ", counts.points, ", ", counts.boxes,
                " and ", counts.guided);
  TESSERA_CHECK(settings.min_corrections >= 0 &&
                    settings.max_corrections >= std::max(1, settings.min_corrections),
                "[train_demo_sam] max_corrections must be >= 1 and >= min_corrections >= 0, got: ",
                settings.max_corrections, " and ", settings.min_corrections);
  TESSERA_CHECK(settings.balanced_until >= 0,
                "[train_demo_sam] balanced_until must be >= 0, got: ", settings.balanced_until);
}

}  // namespace

nn::TrainingEnd train_demo_sam(const SamTrainingJob& job) {
  check_settings(job.settings);
  nn::check_run(job.settings, job, "train_demo_sam");
  return SamTrainer(job).run();
}

}  // namespace tessera::segmentation
