#include "tessera/cli/pages/segment_sample_testing.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tessera/cli/pages/segment_pictures.h"
#include "tessera/core/random.h"

namespace tessera::cli::pages {
namespace {

// A picture of discs, the truth, and a prediction that is off by `error` pixels.
struct Sample {
  media::Image image;
  std::vector<uint8_t> truth, predicted;
};

Sample make_sample(int height, int width, double error, uint64_t seed) {
  Random random(seed);
  Sample sample{media::make_image(height, width), {}, {}};
  sample.truth.resize(size_t(height) * width);
  sample.predicted.resize(size_t(height) * width);
  for (int disc = 0; disc < 24; ++disc) {
    const double x0 = random.uniform() * width, y0 = random.uniform() * height;
    const double radius = 7 + 11 * random.uniform(), light = 90 + 130 * random.uniform();
    const double shift = error * (random.uniform() - 0.3);
    const bool is_missed = random.uniform() * 40 < error;
    const int reach = int(radius) + 16;  // no light and no mask beyond
    for (int y = std::max(0, int(y0) - reach); y < std::min(height, int(y0) + reach); ++y) {
      for (int x = std::max(0, int(x0) - reach); x < std::min(width, int(x0) + reach); ++x) {
        const size_t i = size_t(y) * width + x;
        const double distance = std::hypot(x - x0, (y - y0) * 1.3);
        const double glow = light / (1 + std::exp((distance - radius) / 1.2));
        for (int c = 0; c < 3; ++c) {
          sample.image.data[i * 3 + c] =
              uint8_t(std::max<double>(sample.image.data[i * 3 + c], glow));
        }
        if (distance < radius) sample.truth[i] = 1;
        if (!is_missed && std::hypot(x - x0 - shift, (y - y0) * 1.3) < radius + shift) {
          sample.predicted[i] = 1;
        }
      }
    }
  }
  for (uint8_t& value : sample.image.data)
    value = uint8_t(std::min(255.0, value + 9.0 * random.uniform()));
  return sample;
}

ScoredImage score(const Sample& sample, const std::string& id) {
  double both = 0, truth = 0, predicted = 0;
  for (size_t i = 0; i < sample.truth.size(); ++i) {
    both += sample.truth[i] & sample.predicted[i];
    truth += sample.truth[i];
    predicted += sample.predicted[i];
  }
  const double pixels = double(sample.truth.size());
  return {id,
          2 * both / (truth + predicted),
          both / (truth + predicted - both),
          sample.image.height,
          sample.image.width,
          truth / pixels,
          predicted / pixels};
}

ScoreSummary summary(const std::string& name, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / values.size();
  const size_t tenth = std::max<size_t>(1, values.size() / 10);
  const double worst = std::accumulate(values.begin(), values.begin() + tenth, 0.0) / tenth;
  return {name, mean, mean - 0.016, mean + 0.013, values[values.size() / 2], worst};
}

void add_curves(SegmentReport* report, uint64_t seed) {
  Random random(seed);
  Curve train{"training", {}, 1}, loss{"validation", {}, 0}, dice{"validation", {}, 0};
  double best = 0;
  for (int epoch = 1; epoch <= report->epochs; ++epoch) {
    const double fall = std::exp(-epoch / 9.0);
    train.values.push_back(0.12 + 0.9 * fall + 0.01 * random.uniform());
    loss.values.push_back(0.17 + 0.8 * fall + 0.03 * random.uniform());
    dice.values.push_back(0.905 - 0.5 * fall + 0.012 * random.uniform());
    if (dice.values.back() > best) {
      best = dice.values.back();
      report->best_epoch = epoch;
    }
  }
  report->charts = {
      {"Loss", "Cross-entropy plus Dice, mean over the epoch.", "loss", {train, loss}, 0, 0.1},
      {"Dice", "Mean over the validation images at full size.", "Dice", {dice}}};
}

void add_words(SegmentReport* report) {
  report->title = "AutoSAM on nuclei-like pictures";
  report->eyebrow = "Training run";
  report->facts = "200 training · 30 validation · 40 test images · CPU, 2 threads";
  report->split = "test";
  report->train_seconds = 171;
  report->stop_reason = "no better validation Dice for 20 epochs";
  report->methods = {
      {"All foreground", 0.263, 0.155, 0.251, 0.276, "no training"},
      {"Otsu's threshold", 0.571, 0.446, 0.531, 0.612, "no training"},
      {"U-Net", 0.884, 0.799, 0.868, 0.898, "7.8 M parameters, 164 s"},
      {"AutoSAM", 0.897, 0.818, 0.883, 0.909, "trains 1.9 M parameters, 171 s", true}};
  report->notes = {"2 masks of the test split are empty; an empty prediction scores 1 there."};
  report->settings = {{"Images", "data/images"},
                      {"Masks", "data/masks"},
                      {"Foreground", "labels > 0"},
                      {"Generator", "HarDNet-39DS"},
                      {"Learning rate", "0.0003"},
                      {"Batch", "8"},
                      {"Seed", "7"},
                      {"Tile", "256 source pixels, stride 128"}};
  report->files = {{"SAM", "models/demo-sam",
                    "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
                   {"Checkpoint", "run/best.safetensors",
                    "60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752"}};
  report->machine = {
      {"Device", "CPU, Intel Xeon"}, {"Threads", "2"}, {"Torch", "2.11.0"}, {"Tessera", "0.1.0"}};
  report->links = {{"Scores of each image", "scores.csv"}, {"All numbers as JSON", "summary.json"}};
}

}  // namespace

SegmentReport sample_segment_report(int num_images, int epochs, uint64_t seed) {
  SegmentReport report;
  report.epochs = epochs;
  add_words(&report);
  add_curves(&report, seed);
  std::vector<std::pair<ScoredImage, ReportCase>> all;
  std::vector<double> dice, iou;
  for (int i = 0; i < num_images; ++i) {
    Random random(seed + i);
    const double error = 1 + 7 * std::pow(random.uniform(), 3);
    const Sample sample =
        make_sample(i % 5 == 4 ? 360 : 256, i % 3 == 2 ? 320 : 256, error, seed + i);
    const ScoredImage scored = score(sample, "slide-" + std::to_string(100 + i));
    ReportCase shown = case_pictures(sample.image, sample.predicted, sample.truth);
    shown.id = scored.id;
    shown.dice = scored.dice;
    shown.iou = scored.iou;
    shown.note = std::to_string(scored.width) + " × " + std::to_string(scored.height);
    dice.push_back(scored.dice);
    iou.push_back(scored.iou);
    all.emplace_back(scored, shown);
    report.images.push_back(scored);
  }
  report.scores = {summary("Dice", dice), summary("IoU", iou)};
  std::stable_sort(all.begin(), all.end(),
                   [](const auto& a, const auto& b) { return a.first.dice < b.first.dice; });
  for (size_t i = 0; i < std::min<size_t>(6, all.size()); ++i)
    report.worst.push_back(all[i].second);
  if (!all.empty()) report.typical.push_back(all[all.size() / 2].second);
  return report;
}

}  // namespace tessera::cli::pages
