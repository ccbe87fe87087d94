// What does keeping SAM's embeddings save in AutoSAM's training?
//
// One run with a cache, one with SAM's encoder at every step, and one of g with a plain head (no
// SAM at all), epoch by epoch in turns on the same pictures and machine. The first epoch of each is
// not counted: it fills the cache. The two runs with SAM must have the same losses, on a CPU bit
// for bit, before the table is believed.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>

#include "tessera/core/error.h"
#include "tessera/segmentation/generated/nuclei_like_set.h"
#include "tessera/segmentation/sam/sam_files.h"
#include "tessera/segmentation/training/trainer.h"

namespace tessera::bench {
namespace {

using namespace segmentation;

struct Options {
  std::string sam = "demo", device = "cpu", order = "39ds", folder = "autosam_epoch_files";
  int images = 16, batch = 4, rounds = 3, g_width = 64, threads = 0;
};

FrozenSam make_sam(const Options& options) {
  const std::pair<const char*, SamConfig (*)()> kModels[] = {
      {"demo", demo_sam_config}, {"vit_b", sam_vit_b}, {"vit_l", sam_vit_l}, {"vit_h", sam_vit_h}};
  for (const auto& [name, config] : kModels) {
    if (options.sam != name) continue;
    FrozenSam sam{std::make_shared<Sam>(config()), options.sam + " with random weights", {}};
    sam.sam->initialise(1);
    sam.digest = sam_digest(*sam.sam);
    freeze(*sam.sam);
    return sam;
  }
  return load_frozen_sam(options.sam);
}

Dataset make_data(const Options& options) {
  NucleiLikeSet set;
  set.num_train = options.images;
  set.num_val = set.num_test = 0;
  write_nuclei_like_set(options.folder + "/data", set);
  DatasetSource source;
  source.images = options.folder + "/data/images";
  source.masks = options.folder + "/data/masks";
  source.whole_set = Split::kTrain;
  return open_dataset(source);
}

/// A run that goes on by one epoch at a time.
struct Candidate {
  std::string name;
  AutoSamJob job;
  std::vector<double> seconds, losses;
  int64_t embedded = 0;

  void run_epoch() {
    bool is_done = false;
    job.report = [&](const AutoSamProgress& progress) {
      embedded = progress.embedded;
      is_done = is_done || progress.finished != nullptr;
    };
    job.should_stop = [&] { return is_done; };
    const AutoSamResult result = train_autosam(job);
    job.is_resumed = true;
    seconds.push_back(result.history.back().seconds);
    losses.push_back(result.history.back().loss);
  }
};

Candidate make_candidate(const Options& options, const std::string& name, Method method,
                         bool has_cache, const Dataset& data, const FrozenSam& sam) {
  Candidate candidate{name, {}, {}, {}};
  AutoSamJob& job = candidate.job;
  job.settings.method = method;
  job.settings.order = parse_hardnet_order(options.order);
  job.settings.generator.decoder_width = options.g_width;
  job.settings.tile = 0;
  job.settings.views_per_image = 1;
  job.settings.min_views_per_epoch = 1;
  job.settings.batch = options.batch;
  job.settings.max_epochs = options.rounds + 1;
  job.settings.surrogate.max_epochs = 0;
  job.settings.device = options.device;
  job.dataset = &data;
  job.sam = sam;
  job.run_folder = options.folder + "/" + std::to_string(static_cast<int>(method)) +
                   (has_cache ? "-cache" : "-none");
  if (has_cache) job.cache_folder = options.folder + "/cache";
  return candidate;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void check_losses(const Options& options, const Candidate& one, const Candidate& other) {
  for (size_t i = 0; i < one.losses.size(); ++i) {
    const double difference = std::abs(one.losses[i] - other.losses[i]);
    if (difference > (options.device == "cpu" ? 0 : 0.02)) {
      throw Error(concat("[autosam_epoch] kept embeddings must not change the loss, got: ",
                         one.losses[i], " and ", other.losses[i], " in epoch ", i + 1));
    }
  }
}

void measure(const Options& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  std::filesystem::remove_all(options.folder);
  const Dataset data = make_data(options);
  const FrozenSam sam = make_sam(options);
  std::vector<Candidate> candidates;
  candidates.push_back(
      make_candidate(options, "SAM, embeddings kept", Method::kAutoSam, true, data, sam));
  candidates.push_back(
      make_candidate(options, "SAM, encoder at every step", Method::kAutoSam, false, data, sam));
  candidates.push_back(
      make_candidate(options, "no SAM: plain head", Method::kPlainHead, false, data, sam));
  for (int round = 0; round <= options.rounds; ++round)
    for (auto& candidate : candidates) candidate.run_epoch();
  check_losses(options, candidates[0], candidates[1]);

  std::printf(
      "SAM %s; g HarDNet-%s, decoder width %d; %d pictures of 256 x 256, batch %d; %s, "
      "%d threads; median of %d epochs\n\n",
      sam.path.c_str(), options.order.c_str(), options.g_width, options.images, options.batch,
      options.device.c_str(), at::get_num_threads(), options.rounds);
  std::printf("| training | first epoch | an epoch | pictures/s | pictures encoded in all |\n");
  std::printf("|---|---:|---:|---:|---:|\n");
  for (const auto& candidate : candidates) {
    const double later = median({candidate.seconds.begin() + 1, candidate.seconds.end()});
    std::printf("| %s | %.2f s | %.2f s | %.1f | %lld |\n", candidate.name.c_str(),
                candidate.seconds[0], later, options.images / later,
                static_cast<long long>(candidate.embedded));
  }
  std::filesystem::remove_all(options.folder);
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  tessera::bench::Options options;
  CLI::App app{"An epoch of AutoSAM with kept embeddings, and with SAM's encoder at every step"};
  app.add_option("--sam", options.sam, "demo, vit_b, vit_l, vit_h (random weights), or a model");
  app.add_option("--device", options.device, "cpu or cuda");
  app.add_option("--order", options.order, "HarDNet of g: 39ds, 68ds, 68, 85");
  app.add_option("--g-width", options.g_width, "channels of g's decoder; 0: upstream's");
  app.add_option("--images", options.images)->check(CLI::PositiveNumber);
  app.add_option("--batch", options.batch)->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "timed epochs")->check(CLI::PositiveNumber);
  app.add_option("--threads", options.threads);
  app.add_option("--folder", options.folder, "is made, and removed at the end");
  CLI11_PARSE(app, argc, argv);
  try {
    tessera::bench::measure(options);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
