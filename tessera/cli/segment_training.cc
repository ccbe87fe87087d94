#include "tessera/cli/segment_training.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <utility>

#include <ATen/Parallel.h>
#include <ATen/ops/zeros.h>
#include <c10/core/Device.h>

#include "tessera/cli/segment.h"
#include "tessera/cli/segment_sam.h"
#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/nn/cuda_module.h"
#include "tessera/nn/device.h"
#include "tessera/segmentation/training/run_folder.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;
using segmentation::AutoSamProgress;
using segmentation::Split;
using segmentation::Stage;

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char text[200];
  std::snprintf(text, sizeof(text), pattern, values...);
  return text;
}

bool is_on_gpu(const TrainFlags& flags) { return flags.device != "cpu"; }

/// On a GPU embeddings go to its memory, and to a disk only when asked: writing an entry takes
/// several times as long as a small encoder.
std::optional<fs::path> cache_folder(const TrainFlags& flags,
                                     const segmentation::RunFolder& folder) {
  if (flags.has_no_cache) return std::nullopt;
  if (!flags.cache.empty()) return fs::path(flags.cache);
  return is_on_gpu(flags) ? std::nullopt : std::optional(folder.cache());
}

/// A quarter of a GPU's memory: the networks need some, and others may use the card.
int64_t device_cache_bytes(const TrainFlags& flags) {
  if (flags.has_no_cache || !is_on_gpu(flags)) return 0;
  const c10::Device device = nn::open_device(flags.device);
  return nn::cuda_module()->device_info(device.index()).memory_bytes / 4;
}

/// "epoch 3/100", "fast decoder, epoch 3/20".
std::string epoch_name(const AutoSamProgress& now) {
  return format("%sepoch %d/%d", now.stage == Stage::kSurrogate ? "fast decoder, " : "", now.epoch,
                now.max_epochs);
}

/// Removes a folder that a failed run made, unless something of it can be continued.
void remove_if_unused(const segmentation::RunFolder& folder) {
  std::error_code ignored;
  if (fs::exists(folder.checkpoint(), ignored) || fs::exists(folder.model(), ignored)) return;
  fs::remove_all(folder.cache(), ignored);
  for (const auto& file : {folder.settings(), folder.history(), command_path(folder.root),
                           folder.root / "split.csv"}) {
    fs::remove(file, ignored);
  }
  fs::remove(folder.root, ignored);  // refused where others' files are in it
}

/// Seconds that SAM's encoder takes for a picture, without what only a first call costs.
double time_encoder(const segmentation::FrozenSam& sam, const c10::Device& device) {
  const int64_t side = sam.sam->config.image_size;
  const auto picture = at::zeros({1, 3, side, side}, at::TensorOptions().dtype(at::kByte));
  sam.sam->to(device);
  const auto encode = [&] { segmentation::embed(*sam.sam, picture.to(device)).to(at::kCPU); };
  if (device.is_cuda()) encode();
  const auto start = std::chrono::steady_clock::now();
  encode();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void make_folder(const fs::path& folder) {
  std::error_code failure;
  fs::create_directories(folder, failure);
  if (failure) throw IoError(concat(folder.string(), ": cannot be made: ", failure.message()));
}

}  // namespace

Training::Training(Console& console, TrainFlags flags,
                   const segmentation::AutoSamSettings& settings, const segmentation::Dataset& data,
                   std::optional<TrainFlags> shown)
    : console_(console), flags_(std::move(flags)), shown_(shown.value_or(flags_)), data_(data) {
  run_.folder = flags_.output;
  run_.settings = settings;
  run_.data_text = describe_split(data);
  if (settings.method == segmentation::Method::kAutoSam) {
    run_.sam = load_named_sam(flags_.sam);
    run_.sam_text = describe_sam(run_.sam);
    shown_.sam = run_.sam.path;
  }
}

void Training::announce() {
  is_announced_ = true;
  describe_data(console_, flags_.data, data_);
  say_fact(console_, "split", run_.data_text);
  say_fact(console_, "device",
           concat(flags_.device,
                  flags_.device == "cpu" ? concat(", ", at::get_num_threads(), " threads") : ""));
  if (!run_.sam_text.empty()) say_fact(console_, "SAM", run_.sam_text);
  std::string network = concat("HarDNet-", flags_.order);
  if (flags_.g_width > 0) network += concat(", decoder of ", flags_.g_width, " channels");
  if (flags_.method == "unet") network = "a plain U-Net";
  say_fact(console_, "network",
           concat(network, ", on pictures of ", flags_.g_size, " pixels, from random weights"));
  if (run_.sam.sam && !flags_.is_resumed) {
    const double seconds = time_encoder(run_.sam, nn::open_device(flags_.device));
    say_fact(console_, "encoder",
             format("SAM's takes %.2g s a picture here", seconds) +
                 (flags_.has_no_cache ? ", at every step" : ", once each"));
  }
}

void Training::tell_epoch(const AutoSamProgress& now, StatusLine& line) {
  const auto& epoch = *now.finished;
  std::string text = format("%s  loss %.4f", epoch_name(now).c_str(), epoch.loss);
  if (std::isfinite(epoch.val_dice))
    text += format("  val Dice %.4f IoU %.4f%s", epoch.val_dice, epoch.val_iou,
                   now.is_best ? " best" : "");
  text += format("  (%s, ", format_seconds(epoch.seconds).c_str());
  line.settle(text + "at most " + format_seconds(now.seconds_left) + " left)");
  nlohmann::json event = {{"event", "epoch"},
                          {"stage", segmentation::stage_name(now.stage)},
                          {"epoch", epoch.epoch},
                          {"epochs", now.max_epochs},
                          {"loss", epoch.loss},
                          {"seconds", epoch.seconds},
                          {"left_seconds", now.seconds_left},
                          {"is_best", now.is_best}};
  if (std::isfinite(epoch.val_dice)) {
    event["val_dice"] = epoch.val_dice;
    event["val_iou"] = epoch.val_iou;
  }
  console_.event(event);
}

void Training::tell(const AutoSamProgress& now, StatusLine& line) {
  for (const auto& warning : now.warnings) console_.warn(warning);
  if (!has_told_time_ && now.stage == Stage::kMain && now.seconds_left > 0) {
    has_told_time_ = true;
    line.settle(concat("expected    at most ", format_seconds(now.seconds_left),
                       flags_.patience > 0 && !data_.indices(Split::kVal).empty()
                           ? concat("; ends early when ", flags_.patience,
                                    " epochs bring no better validation Dice")
                           : "",
                       "; Ctrl-C keeps what there is"));
  }
  if (now.finished != nullptr) {
    tell_epoch(now, line);
    return;
  }
  line.renew(format(
      "%s  step %d/%d  loss %.4f  %.1f images/s  %lld encoded by SAM, at most %s left",
      epoch_name(now).c_str(), now.step, now.steps_per_epoch, now.loss, now.images_per_second,
      static_cast<long long>(now.embedded), format_seconds(now.seconds_left).c_str()));
}

const segmentation::AutoSamResult& Training::run() {
  const auto folder = segmentation::open_run_folder(run_.folder, flags_.is_resumed);
  StatusLine line(console_);
  segmentation::AutoSamJob job;
  job.settings = run_.settings;
  job.dataset = &data_;
  job.sam = run_.sam;
  job.run_folder = folder.root;
  job.is_resumed = flags_.is_resumed;
  job.cache_folder = cache_folder(flags_, folder);
  job.device_cache_bytes = device_cache_bytes(flags_);
  job.report = [&](const AutoSamProgress& now) { tell(now, line); };
  // The trainer tells the tile first, then what it keeps of SAM.
  job.announce = [&, name = "tile"](const std::string& text) mutable {
    if (is_announced_) say_fact(console_, name, text);
    name = "cache";
  };
  job.should_stop = is_interrupted;
  try {
    if (!flags_.is_resumed) {
      write_file(command_path(folder.root), command_json(shown_).dump(2) + "\n");
      write_file(folder.root / "split.csv", split_csv(data_));
    }
    run_.result = segmentation::train_autosam(job);
  } catch (...) {
    remove_if_unused(folder);
    throw;
  }
  if (flags_.is_resumed) write_file(command_path(folder.root), command_json(shown_).dump(2) + "\n");
  return run_.result;
}

void Training::score_validation() {
  const auto images = data_.indices(Split::kVal);
  const segmentation::RunFolder folder{run_.folder};
  auto model = segmentation::load_autosam(folder.model(), run_.sam);
  model.to(nn::open_device(flags_.device));
  segmentation::PredictorOptions options;
  options.num_threads = at::get_num_threads();
  std::optional<segmentation::EmbeddingCache> cache;
  if (const auto place = cache_folder(flags_, folder); place && model.needs_embeddings()) {
    cache.emplace(*place, run_.sam.digest,
                  segmentation::EmbeddingShape{model.config().prompt_dim, model.config().grid});
    options.stores.disk = &*cache;
  }
  segmentation::Predictor predictor(model, options);
  scored_ =
      score_images(console_, "validation", predictor, model.config().threshold, data_, images);
  make_folder(run_.folder / "validation");
  for (size_t i = 0; i < scored_.scores.size(); ++i) {
    AtomicFile file(run_.folder / "validation" / (scored_.scores[i].id + ".png"));
    file.write(scored_.predicted_png[i]);
    file.commit();
  }
}

void Training::write_results() {
  if (run_.result.is_interrupted) return;
  if (!data_.indices(Split::kVal).empty()) score_validation();
  write_file(run_.folder / "summary.json", run_summary(run_, data_, scored_).dump(2) + "\n");
  write_file(run_.folder / "report.html",
             pages::segment_report(run_report(run_, shown_, data_, scored_)));
}

void Training::say_end() {
  const auto& result = run_.result;
  const std::string folder = run_.folder.string();
  if (result.is_interrupted) {
    console_.say(
        concat("Stopped; what was learnt is kept: tessera segment train -o ", folder, " --resume"));
    return;
  }
  console_.say(concat("Ended: ", result.stop_reason, ", after ", format_seconds(result.seconds),
                      "; best epoch ", result.best_epoch));
  if (!scored_.scores.empty())
    console_.say(verdict_of(segmentation::summarise(scored_.scores), "validation"));
  if (result.fast_dice > 0)
    console_.say(format("Without SAM (predict --fast): validation Dice %.3f", result.fast_dice));
  say_fact(console_, "report", (run_.folder / "report.html").string());
  if (!scored_.scores.empty())
    say_fact(console_, "masks",
             concat((run_.folder / "validation").string(), " (of the validation images)"));
  say_fact(console_, "next",
           concat("tessera segment predict ", folder, " NEW_IMAGES -o masks --overlay"));
  console_.say(kResearchOnly);
  console_.event({{"event", "run"},
                  {"path", folder},
                  {"val_dice", result.best_dice},
                  {"val_iou", result.best_iou},
                  {"seconds", result.seconds},
                  {"stop_reason", result.stop_reason}});
}

}  // namespace tessera::cli
