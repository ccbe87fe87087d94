// What do AutoSAM's networks cost a sample on this CPU, and do channels-last and bf16 pay?
//
// One process; contiguous and channels-last in turns, after an answer each that must agree; median
// of the rounds. Forward: batch 1, running statistics, no gradients, as predicting does. Training:
// forward and backward of `--batch` samples with batch statistics, time / batch. It is the
// process's CPU time, of one thread unless --threads says more, so a busy machine matters little.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <functional>

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/autocast_mode.h>
#include <ATen/ops/randn.h>
#include <CLI/CLI.hpp>

#include "tessera/core/error.h"
#include "tessera/segmentation/autosam/plain_unet.h"
#include "tessera/segmentation/autosam/prompt_generator.h"
#include "tessera/segmentation/autosam/surrogate_decoder.h"

namespace tessera::bench {
namespace {

using at::Tensor;
using namespace segmentation;

struct Options {
  std::vector<std::string> networks{"39ds", "68ds", "68", "85", "h", "unet"};
  std::vector<int64_t> sides{128, 256};
  int64_t batch = 4;
  int rounds = 5;
  int threads = 1;
  int64_t decoder_width = 0;
  bool is_bf16 = false;
};

struct Network {
  std::shared_ptr<torch::nn::Module> module;
  std::function<Tensor(const Tensor&)> forward;
  std::vector<int64_t> input;  // of one sample
};

Network make_network(const Options& options, const std::string& name, int64_t side) {
  Network network;
  if (name == "h") {
    auto decoder = std::make_shared<SurrogateDecoder>(256);
    network = {
        decoder, [=](const Tensor& x) { return decoder->forward(x); }, {256, side / 4, side / 4}};
  } else if (name == "unet") {
    auto unet = std::make_shared<PlainUnet>();
    network = {unet, [=](const Tensor& x) { return unet->forward(x); }, {3, side, side}};
  } else {
    auto generator = std::make_shared<PromptGenerator>(
        parse_hardnet_order(name), 256,
        PromptGeneratorOptions{.decoder_width = options.decoder_width});
    network = {generator,
               [=](const Tensor& x) { return generator->forward(x, side / 4); },
               {3, side, side}};
  }
  initialise_weights(*network.module, 3);
  return network;
}

Tensor make_input(const Network& network, int64_t batch, at::MemoryFormat layout) {
  std::vector<int64_t> shape{batch};
  shape.insert(shape.end(), network.input.begin(), network.input.end());
  return at::randn(shape).contiguous(layout);
}

void set_layout(const torch::nn::Module& module, at::MemoryFormat layout) {
  const at::NoGradGuard no_grad;
  for (const auto& parameter : module.parameters())
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(layout));
}

double milliseconds(const std::function<void()>& run) {
  const std::clock_t start = std::clock();
  run();
  return 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
}

/// bf16 products where asked for, fp32 elsewhere.
struct Autocast {
  explicit Autocast(bool is_on) { at::autocast::set_autocast_enabled(at::kCPU, is_on); }
  ~Autocast() {
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(at::kCPU, false);
  }
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void train(const Network& network, const Tensor& batch, bool is_bf16) {
  Tensor loss;
  {
    const Autocast autocast(is_bf16);
    loss = network.forward(batch).square().mean();
  }
  loss.backward();
}

void check_layouts_agree(const Network& network) {
  const at::NoGradGuard no_grad;
  network.module->eval();
  const auto x = make_input(network, 1, at::MemoryFormat::Contiguous);
  const auto want = network.forward(x);
  set_layout(*network.module, at::MemoryFormat::ChannelsLast);
  const auto got = network.forward(x.contiguous(at::MemoryFormat::ChannelsLast));
  TESSERA_CHECK((got - want).abs().max().item<float>() < 1e-4, "[bench] the layouts disagree");
}

void measure(const Options& options, const std::string& name, int64_t side) {
  const Network network = make_network(options, name, side);
  check_layouts_agree(network);
  int64_t parameters = 0;
  for (const auto& parameter : network.module->parameters()) parameters += parameter.numel();
  const auto layouts = {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast};
  std::vector<double> forward[2], training[2];
  for (int round = -1; round < options.rounds; ++round) {  // the first is not counted
    for (const auto layout : layouts) {
      const int column = layout == at::MemoryFormat::ChannelsLast ? 1 : 0;
      set_layout(*network.module, layout);
      network.module->eval();
      const auto one = make_input(network, 1, layout);
      const double forward_time = milliseconds([&] {
        const at::NoGradGuard no_grad;
        const Autocast autocast(options.is_bf16);
        network.forward(one);
      });
      network.module->train();
      network.module->zero_grad();
      const auto batch = make_input(network, options.batch, layout);
      const double training_time = milliseconds([&] { train(network, batch, options.is_bf16); });
      if (round < 0) continue;
      forward[column].push_back(forward_time);
      training[column].push_back(training_time / static_cast<double>(options.batch));
    }
  }
  std::printf("| %-4s | %8.3f M | %4lld | %8.1f | %8.1f | %8.1f | %8.1f |\n", name.c_str(),
              parameters * 1e-6, static_cast<long long>(side), median(forward[0]),
              median(forward[1]), median(training[0]), median(training[1]));
  std::fflush(stdout);
}

int run(int argc, char** argv) {
  Options options;
  CLI::App app("Times AutoSAM's networks on this CPU; milliseconds a sample.");
  app.add_option("--networks", options.networks, "39ds 68ds 68 85 h unet")->delimiter(',');
  app.add_option("--sides", options.sides, "of the image, in pixels")->delimiter(',');
  app.add_option("--batch", options.batch, "of the training step");
  app.add_option("--rounds", options.rounds);
  app.add_option("--threads", options.threads);
  app.add_option("--decoder-width", options.decoder_width, "of g; 0: upstream's");
  app.add_flag("--bf16", options.is_bf16, "products in bf16");
  CLI11_PARSE(app, argc, argv);
  at::set_num_threads(options.threads);
  std::printf("%d threads, batch %lld, %s; milliseconds of CPU time a sample\n", options.threads,
              static_cast<long long>(options.batch), options.is_bf16 ? "bf16" : "fp32");
  std::printf("|      |            |      |      forward, batch 1 |  forward + backward |\n");
  std::printf("| net  | parameters | side | contig.  | ch.-last | contig.  | ch.-last |\n");
  for (const auto& name : options.networks)
    for (const int64_t side : options.sides) measure(options, name, side);
  return 0;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  try {
    return tessera::bench::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
