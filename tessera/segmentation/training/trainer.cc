#include "tessera/segmentation/training/trainer.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include <ATen/Context.h>
#include <ATen/Parallel.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/nn/device.h"
#include "tessera/segmentation/training/prepared_tiles.h"
#include "tessera/segmentation/training/run_folder.h"
#include "tessera/segmentation/training/stage_trainer.h"

namespace tessera::segmentation {
namespace {

// With an h to come, the main stage leaves it this share of the minutes.
constexpr double kSurrogateShare = 0.1;

std::string data_digest(const AutoSamJob& job, const std::vector<size_t>& train,
                        const std::vector<size_t>& val) {
  std::string text = job.dataset->content_digest();
  for (const auto* images : {&train, &val}) {
    text += '\n';
    for (const size_t image : *images) text += job.dataset->sample(image).id + ' ';
  }
  return sha256(std::as_bytes(std::span(text)));
}

/// Keys of everything that training and validation will look at through SAM.
std::vector<std::string> all_keys(const RunContext& run, const EmbeddingCache& cache) {
  const auto& settings = run.job.settings;
  const Dataset& dataset = *run.job.dataset;
  const int tile = run.model.config().tile;
  const auto views = view_settings(settings, tile);
  std::vector<std::string> keys;
  const ViewPlan plan(dataset, run.train, settings, tile, settings.views_per_image > 0);
  for (const auto& [image, view] : plan.all_views()) {
    const auto parameters = draw_view(views, dataset.height(image), dataset.width(image),
                                      dataset.digest(image), settings.seed, view);
    keys.push_back(cache.key(dataset.digest(image), view_text(parameters)));
  }
  for (const size_t image : run.val) {
    const auto tiles =
        tile_plan(dataset.height(image), dataset.width(image), tile, default_stride(tile));
    for (size_t i = 0; i < tiles.origins.size(); ++i)
      keys.push_back(cache.key(dataset.digest(image), tile_text(tiles, i, 0)));
  }
  return keys;
}

class Run {
 public:
  explicit Run(const AutoSamJob& job)
      : job_(job),
        train_(job.train.empty() ? job.dataset->indices(Split::kTrain) : job.train),
        val_(job.val.empty() ? job.dataset->indices(Split::kVal) : job.val),
        device_(nn::open_device(job.settings.device)),
        config_(decide_config()),
        model_(config_, job.sam, job.settings.seed),
        averaged_(config_, job.sam, job.settings.seed),
        context_{.job = job, .train = train_, .val = val_, .model = model_, .averaged = averaged_} {
    if (device_.is_cuda()) {
      at::globalContext().setAllowTF32CuBLAS(true);
      at::globalContext().setBenchmarkCuDNN(true);
    }
    model_.to(device_);
    averaged_.to(device_);
    const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
    context_.num_threads = device_.is_cuda() ? std::clamp(cores - 2, 1, 12) : 1;
    AutoSamSettings decided = job.settings;
    decided.tile = config_.tile;
    context_.identity = {autosam_settings_json(decided), data_digest(job, train_, val_),
                         config_.sam_digest};
    open_cache();
  }

  AutoSamResult run() {
    StoredRun stored;
    if (job_.is_resumed) {
      stored = load_run(RunFolder{job_.run_folder}.checkpoint(), context_.identity);
      position_ = stored.position;
    } else {
      write_file(RunFolder{job_.run_folder}.settings(), autosam_settings_json(job_.settings));
    }
    const bool is_done = position_.stage == Stage::kMain ? run_main(stored) : true;
    if (!is_done) return result(true);
    if (has_surrogate_stage() && !run_surrogate(stored)) return result(true);
    finish();
    return result(false);
  }

 private:
  AutoSamConfig decide_config() {
    const int mask_size = job_.sam.sam ? static_cast<int>(job_.sam.sam->config.mask_size()) : 256;
    const int picture_size = job_.sam.sam ? static_cast<int>(job_.sam.sam->config.image_size) : 512;
    const TileChoice choice =
        choose_tile(*job_.dataset, train_, job_.settings.tile, mask_size, picture_size);
    if (job_.announce) job_.announce(choice.text);
    return autosam_config(job_.settings, job_.sam, choice.tile);
  }

  void open_cache() {
    if (!model_.needs_embeddings()) return;
    if (job_.device_cache_bytes > 0) {
      on_device_.emplace(job_.device_cache_bytes);
      context_.stores.device = &*on_device_;
    }
    if (!job_.cache_folder) return;
    cache_ = std::make_unique<EmbeddingCache>(*job_.cache_folder, config_.sam_digest,
                                              EmbeddingShape{config_.prompt_dim, config_.grid});
    const auto keys = all_keys(context_, *cache_);
    const auto need = cache_->disk_need(keys);
    if (job_.announce) job_.announce(concat(cache_->folder().string(), ": ", need.text()));
    check_disk_need(need, cache_->folder());
    context_.stores.disk = cache_.get();
  }

  bool has_surrogate_stage() const {
    return config_.method == Method::kAutoSam && job_.settings.surrogate.max_epochs > 0;
  }

  double minutes_of(Stage stage) const {
    const double minutes = job_.settings.max_minutes;
    if (!has_surrogate_stage()) return minutes;
    return minutes * (stage == Stage::kMain ? 1 - kSurrogateShare : kSurrogateShare);
  }

  bool run_main(const StoredRun& stored) {
    StageTrainer stage(context_, position_, minutes_of(Stage::kMain), {});
    if (job_.is_resumed) stage.restore(stored);
    if (!stage.run()) return false;
    stage.put_best();
    main_best_ = stage.best();
    position_.stop_reason = stage.stop_reason();
    position_.main_best_epoch = position_.best_epoch;
    position_.main_best_dice = position_.best_dice;
    position_.main_best_iou = position_.best_iou;
    return true;
  }

  /// Both models get the best g; h is trained on it.
  bool run_surrogate(const StoredRun& stored) {
    const bool is_continued = position_.stage == Stage::kSurrogate;
    if (is_continued) {
      const StageState layout(model_.parts(), device_, {});
      main_best_ = layout.averages();
      stored.restore("main_values", main_best_.values);
      stored.restore("main_buffers", main_best_.buffers);
      layout.put(main_best_, model_.parts());
      layout.put(main_best_, averaged_.parts());
    } else {
      nn::load_modules({"the best epoch", nn::module_tensors(averaged_.parts()), {}},
                       model_.parts());
      position_.stage = Stage::kSurrogate;
      position_.epoch = 1;
      position_.step = 0;
      position_.stage_seconds = position_.epoch_seconds = 0;
      position_.best_epoch = 0;
      position_.best_dice = position_.best_iou = 0;
    }
    model_.add_surrogate(job_.settings.seed + 1);
    averaged_.add_surrogate(job_.settings.seed + 1);
    StageTrainer stage(context_, position_, minutes_of(Stage::kSurrogate),
                       {{"main_values", main_best_.values}, {"main_buffers", main_best_.buffers}});
    if (is_continued) stage.restore(stored);
    if (!stage.run()) return false;
    stage.put_best();
    return true;
  }

  /// The averaged model holds the best of all stages: the threshold, and the folder's last state.
  void finish() {
    if (!val_.empty()) {
      Predictor predictor(averaged_, {.batch = std::max(8, job_.settings.batch),
                                      .num_threads = context_.num_threads,
                                      .stores = context_.stores});
      validate(predictor, *job_.dataset, val_, &threshold_);
      if (job_.settings.chooses_threshold) averaged_.set_threshold(threshold_.threshold);
    }
    save_autosam(averaged_, RunFolder{job_.run_folder}.model(),
                 {{"epoch", std::to_string(best_epoch())},
                  {"validation_dice", concat(best_dice())},
                  {"validation_threshold", concat(threshold_.threshold)}});
  }

  bool is_in_surrogate() const { return position_.stage == Stage::kSurrogate; }
  int best_epoch() const {
    return is_in_surrogate() ? position_.main_best_epoch : position_.best_epoch;
  }
  double best_dice() const {
    return is_in_surrogate() ? position_.main_best_dice : position_.best_dice;
  }

  AutoSamResult result(bool is_interrupted) const {
    AutoSamResult result;
    result.is_interrupted = is_interrupted;
    result.stop_reason = is_interrupted ? "stopped on request" : position_.stop_reason;
    result.best_epoch = best_epoch();
    result.best_dice = best_dice();
    result.best_iou = is_in_surrogate() ? position_.main_best_iou : position_.best_iou;
    if (is_in_surrogate()) result.fast_dice = position_.best_dice;
    if (config_.method == Method::kPlainHead) result.fast_dice = position_.best_dice;
    result.val_threshold = threshold_.threshold;
    result.val_threshold_dice = threshold_.dice;
    result.tile = config_.tile;
    result.seconds = position_.seconds;
    result.history = position_.history;
    return result;
  }

  const AutoSamJob& job_;
  std::vector<size_t> train_, val_;
  at::Device device_;
  AutoSamConfig config_;
  AutoSamModel model_, averaged_;
  RunContext context_;
  std::unique_ptr<EmbeddingCache> cache_;
  std::optional<DeviceEmbeddings> on_device_;
  RunPosition position_;
  KeptWeights main_best_;
  ThresholdScore threshold_;
};

}  // namespace

std::string stage_name(Stage stage) { return stage == Stage::kMain ? "main" : "surrogate"; }

AutoSamResult train_autosam(const AutoSamJob& job) {
  check_settings(job.settings);
  TESSERA_CHECK(job.dataset != nullptr, "[train_autosam] a data set is needed, got: none");
  TESSERA_CHECK(job.settings.method != Method::kAutoSam || job.sam.sam != nullptr,
                "[train_autosam] method autosam needs a SAM, got: none");
  open_run_folder(job.run_folder, job.is_resumed);
  return Run(job).run();
}

}  // namespace tessera::segmentation
