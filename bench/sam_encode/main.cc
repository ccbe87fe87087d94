// What does it cost to encode a picture with SAM, and to train the encoder?
//
// Times alone (a table), or with --serve as one side of compare_transformers.py: a line "run" on
// standard input encodes once and answers the seconds it took, by the clock and of the processor.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <ctime>
#include <functional>
#include <iostream>
#include <string>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/square.h>
#include <ATen/ops/zeros_like.h>
#include <CLI/CLI.hpp>

#include "tessera/core/error.h"
#include "tessera/nn/autocast.h"
#include "tessera/nn/device.h"
#include "tessera/segmentation/sam/sam_files.h"

namespace tessera::bench {
namespace {

using segmentation::Sam;
using segmentation::SamConfig;

struct Options {
  std::string model = "vit_b", device = "cpu", answer;
  int64_t batch = 1, prompts = 0;
  int rounds = 5, threads = 0;
  bool is_training = false, serves = false;
};

std::shared_ptr<Sam> make_sam(const Options& options) {
  const std::pair<const char*, SamConfig (*)()> kModels[] = {
      {"vit_b", segmentation::sam_vit_b}, {"demo", segmentation::demo_sam_config}};
  for (const auto& [name, config] : kModels) {
    if (options.model != name) continue;
    auto sam = std::make_shared<Sam>(config());
    sam->initialise(1);
    return sam;
  }
  return segmentation::load_sam(options.model);
}

/// One step: encode; in training also decode `prompts` points an image, and go back.
at::Tensor step(const Sam& sam, const at::Tensor& pictures, const Options& options) {
  const nn::AutocastOnCuda autocast(pictures.device());
  if (!options.is_training) return sam.encode_image(pictures);
  auto loss = sam.encode_image(pictures);
  if (options.prompts > 0) {
    Sam::Prompts prompts;
    prompts.points = at::randn({options.batch * options.prompts, 1, 2}, pictures.options());
    prompts.labels = at::zeros_like(prompts.points.select(2, 0)).to(at::kLong);
    loss = sam.decode(loss, prompts, true).logits;
  }
  loss = loss.square().mean();
  loss.backward();
  return loss;
}

struct Cost {
  double seconds = 0, cpu_seconds = 0;  // the latter of all threads
};

Cost cost_of(const std::function<at::Tensor()>& run) {
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t cpu_start = std::clock();
  // Reading a number waits for the device.
  run().flatten()[0].item<float>();
  const double cpu = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  return {std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(), cpu};
}

void serve(const std::function<at::Tensor()>& run, const Options& options) {
  nn::save_weights(options.answer, {{"embedding", run()}});
  std::printf("ready\n");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line) && line == "run";) {
    const Cost cost = cost_of(run);
    std::printf("%.6f %.6f\n", cost.seconds, cost.cpu_seconds);
    std::fflush(stdout);
  }
}

void run_all(const Options& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  const auto device = nn::open_device(options.device);
  at::AutoGradMode mode(options.is_training);
  const auto sam = make_sam(options);
  sam->to(device);
  const int64_t size = sam->config.image_size;
  const auto pictures = options.serves
                            ? nn::load_weights(options.answer + ".input").tensors.at("picture")
                            : at::randn({options.batch, 3, size, size}).to(device);
  const auto run = [&] { return step(*sam, pictures, options); };
  if (options.serves) return serve(run, options);
  cost_of(run);
  std::vector<double> times;
  for (int i = 0; i < options.rounds; ++i) times.push_back(cost_of(run).seconds);
  std::sort(times.begin(), times.end());
  std::printf("%s on %s, batch %lld, %s: median %.4f s, fastest %.4f s, %d rounds\n",
              options.model.c_str(), options.device.c_str(), static_cast<long long>(options.batch),
              options.is_training ? "forward and backward" : "encode", times[times.size() / 2],
              times[0], options.rounds);
}

int main_of(int argc, char** argv) {
  Options options;
  CLI::App app("Times SAM's image encoder");
  app.add_option("--model", options.model, "vit_b, demo (random weights), or a path");
  app.add_option("--device", options.device, "cpu, cuda");
  app.add_option("--batch", options.batch, "pictures a step")->check(CLI::PositiveNumber);
  app.add_option("--rounds", options.rounds, "timed steps")->check(CLI::PositiveNumber);
  app.add_option("--threads", options.threads, "0 for Torch's default");
  app.add_flag("--train", options.is_training, "forward and backward");
  app.add_option("--prompts", options.prompts, "with --train: points decoded for each picture");
  app.add_option("--serve", options.answer, "be the second side; where to write the answer");
  CLI11_PARSE(app, argc, argv);
  options.serves = !options.answer.empty();
  try {
    run_all(options);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) { return tessera::bench::main_of(argc, argv); }
