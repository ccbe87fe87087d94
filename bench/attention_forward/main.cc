// How fast is tessera::attention on this CPU, beside Torch's fused attention?
//
// One process, the same threads (Torch's pool), candidates interleaved in a shuffled order,
// medians. Each answer is compared with fp64 before anything is timed, and the comparison must
// reject a false mask (check_answer). GFLOP/s count what is executed: 4 L^2 D H (1 - skipped).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <numeric>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

#include "bench/attention_forward/cases.h"

namespace tessera::bench {
namespace {

struct Options {
  bool is_quick = false;
  int threads = 0;
  std::string json;
};

const char* dtype_text(at::ScalarType dtype) { return dtype == at::kFloat ? "fp32" : "bf16"; }

double milliseconds_of(Candidate& candidate) {
  const auto start = std::chrono::steady_clock::now();
  candidate.run();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start)
      .count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<std::unique_ptr<Candidate>> make_candidates(const Inputs& inputs) {
  std::vector<std::unique_ptr<Candidate>> candidates;
  candidates.push_back(make_torch_candidate(inputs));
  for (const double skipped : {0.0, 0.25, 0.5, 0.75}) {
    candidates.push_back(make_our_candidate(inputs, skipped, 11));
  }
  return candidates;
}

/// All candidates of one shape: compared, warmed up by that, then timed in turns.
void measure(const Shape& shape, int rounds, nlohmann::json& rows) {
  const Inputs inputs = make_inputs(shape, 3);
  auto candidates = make_candidates(inputs);
  for (auto& candidate : candidates) check_answer(inputs, *candidate);
  std::vector<std::vector<double>> times(candidates.size());
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), 0);
  Random random(5);
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[random.below(static_cast<int64_t>(i))]);
    for (const size_t index : order) times[index].push_back(milliseconds_of(*candidates[index]));
  }
  const double torch_time = median(times[0]);
  for (size_t i = 0; i < candidates.size(); ++i) {
    const double skipped = candidates[i]->skipped(), time = median(times[i]);
    const double flop =
        4.0 * shape.tokens * shape.tokens * shape.head_dim * shape.num_heads * (1 - skipped);
    const double gflops = flop / time * 1e-6;
    rows.push_back({{"candidate", candidates[i]->name()},
                    {"dtype", dtype_text(shape.dtype)},
                    {"head_dim", shape.head_dim},
                    {"tokens", shape.tokens},
                    {"skipped", std::round(skipped * 1000) / 1000},
                    {"milliseconds", time},
                    {"gflops", gflops}});
    std::printf("| %-5s | %s | %8lld | %6lld | %6.1f %% | %9.2f | %7.1f | %5.2fx |\n",
                candidates[i]->name().c_str(), dtype_text(shape.dtype),
                static_cast<long long>(shape.head_dim), static_cast<long long>(shape.tokens),
                100 * skipped, time, gflops, torch_time / time);
    std::fflush(stdout);
  }
}

int run(const Options& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  std::printf(
      "%d threads, batch 1, 4 heads at head_dim 64 and 2 at 128; the last column is Torch's time "
      "over this.\n",
      at::get_num_threads());
  std::printf("| who   | type | head_dim | tokens | skipped  |      ms   | GFLOP/s | speed  |\n");
  std::printf("|-------|------|----------|--------|----------|-----------|---------|--------|\n");
  const std::vector<int64_t> tokens =
      options.is_quick ? std::vector<int64_t>{4096} : std::vector<int64_t>{2048, 4096, 8192, 16384};
  nlohmann::json rows = nlohmann::json::array();
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    for (const int64_t head_dim : {64, 128}) {
      for (const int64_t length : tokens) {
        measure({dtype, head_dim, head_dim == 64 ? 4 : 2, length}, length <= 4096 ? 7 : 5, rows);
      }
    }
  }
  std::printf("back end: %s\n", torch_ops::last_backend().c_str());
  if (!options.json.empty()) {
    std::ofstream file(options.json);
    file << rows.dump(1) << "\n";
    if (!file.flush()) throw IoError(options.json + ": cannot be written");
  }
  return 0;
}

}  // namespace
}  // namespace tessera::bench

int main(int argc, char** argv) {
  tessera::bench::Options options;
  CLI::App program("Speed of tessera::attention beside Torch's fused attention");
  program.add_flag("--quick", options.is_quick, "4,096 tokens only: under two minutes");
  program.add_option("--threads", options.threads, "Threads of both (default: Torch's)")
      ->check(CLI::PositiveNumber);
  program.add_option("--json", options.json, "Also write the rows to this file");
  CLI11_PARSE(program, argc, argv);
  try {
    return tessera::bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "attention_forward: %s\n", error.what());
    return 1;
  }
}
