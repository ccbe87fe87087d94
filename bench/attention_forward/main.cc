// How fast is tessera::attention on this CPU, beside Torch's fused attention and the processor's
// own arithmetic, and what do skipping and the decision cost?
//
// One process, the same threads (Torch's pool), candidates interleaved in a shuffled order. Each
// answer is compared with fp64 before anything is timed, and the comparison must reject a false
// mask (check_answer). Times are medians; quotients are medians over the rounds of quotients within
// a round, so that a slow spell of the machine falls on both sides. GFLOP/s count what is executed:
// 4 L^2 D H (1 - skipped).
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <functional>
#include <numeric>

#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

#include "bench/attention_forward/cases.h"
#include "bench/attention_forward/clock.h"
#include "bench/attention_forward/peaks.h"
#include "bench/attention_forward/summary.h"

namespace tessera::bench {
namespace {

struct Options {
  bool is_quick = false;
  int threads = 0;
  int rounds = 0;  // 0: by size
  Clock clock = Clock::kWall;
  std::string json;
};

const char* dtype_text(at::ScalarType dtype) { return dtype == at::kFloat ? "fp32" : "bf16"; }

double milliseconds_of(Candidate& candidate, Clock clock) {
  const double start = now(clock);
  candidate.run();
  return (now(clock) - start) * 1e3;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Median over the rounds of over[i] / under[i].
double median_quotient(const std::vector<double>& over, const std::vector<double>& under) {
  std::vector<double> quotients(over.size());
  std::transform(over.begin(), over.end(), under.begin(), quotients.begin(), std::divides<>());
  return median(quotients);
}

// The first two are what others are compared with.
constexpr size_t kTorch = 0, kDense = 1, kJudged = 2;

std::vector<std::unique_ptr<Candidate>> make_candidates(const Inputs& inputs) {
  std::vector<std::unique_ptr<Candidate>> candidates;
  candidates.push_back(make_torch_candidate(inputs));
  const Step steps[] = {
      {"dense step", Judge::kNone},
      {"max_gap", Judge::kMaxGap},
      {"mass, max", Judge::kRowMaximum},
      {"mass, mean", Judge::kRowMean},
      {"random 25", Judge::kMaxGap, 0.25},
      {"random 50", Judge::kMaxGap, 0.5},
      {"random 75", Judge::kMaxGap, 0.75},
      {"random 90", Judge::kMaxGap, 0.9},
      {"band 50", Judge::kMaxGap, 0.5, Mask::kBand},
      {"band 90", Judge::kMaxGap, 0.9, Mask::kBand},
  };
  for (const Step& step : steps) candidates.push_back(make_our_candidate(inputs, step));
  return candidates;
}

struct Times {
  std::vector<std::vector<double>> of;  // [candidate][round], ms
  std::vector<double> peak;             // [round], GFLOP/s
};

Times time_in_turns(const Shape& shape, std::vector<std::unique_ptr<Candidate>>& candidates,
                    int rounds, Clock clock) {
  Times times;
  times.of.resize(candidates.size());
  std::vector<size_t> order(candidates.size());
  std::iota(order.begin(), order.end(), 0);
  Random random(5);
  for (int round = 0; round < rounds; ++round) {
    const double bf16 = shape.dtype == at::kBFloat16 ? bf16_peak(clock) : 0;
    times.peak.push_back(bf16 > 0 ? bf16 : fp32_peak(clock));
    for (size_t i = order.size(); i > 1; --i)
      std::swap(order[i - 1], order[random.below(static_cast<int64_t>(i))]);
    for (const size_t index : order)
      times.of[index].push_back(milliseconds_of(*candidates[index], clock));
  }
  return times;
}

/// All candidates of one shape: compared, warmed up by that, then timed in turns.
void measure(const Shape& shape, int rounds, Clock clock, nlohmann::json& rows) {
  const Inputs inputs = make_inputs(shape, 3);
  auto candidates = make_candidates(inputs);
  for (auto& candidate : candidates) check_answer(inputs, *candidate);
  const Times times = time_in_turns(shape, candidates, rounds, clock);
  // The best round: what the machine can do when it is let.
  const double peak = *std::max_element(times.peak.begin(), times.peak.end());
  for (size_t i = 0; i < candidates.size(); ++i) {
    const double skipped = candidates[i]->skipped(), time = median(times.of[i]);
    const double flop =
        4.0 * shape.tokens * shape.tokens * shape.head_dim * shape.num_heads * (1 - skipped);
    const double gflops = flop / time * 1e-6;
    const double speed = median_quotient(times.of[kTorch], times.of[i]);
    // A decision is judged against a step without one, skipping against the same decision.
    const auto& base = times.of[i < kJudged + 3 ? kDense : kJudged];
    const double cost = median_quotient(times.of[i], base) / (1 - skipped);
    rows.push_back({{"candidate", candidates[i]->name()},
                    {"dtype", dtype_text(shape.dtype)},
                    {"head_dim", shape.head_dim},
                    {"tokens", shape.tokens},
                    {"skipped", std::round(skipped * 1000) / 1000},
                    {"milliseconds", time},
                    {"gflops", gflops},
                    {"peak_gflops", peak},
                    {"speed", speed},
                    {"cost", cost}});
    std::printf("| %-10s | %s | %4lld | %6lld | %5.1f %% | %8.2f | %7.1f | ",
                candidates[i]->name().c_str(), dtype_text(shape.dtype),
                static_cast<long long>(shape.head_dim), static_cast<long long>(shape.tokens),
                100 * skipped, time, gflops);
    std::printf(peak > 0 ? "%6.1f %% | " : "     -   | ", 100 * gflops / peak);
    std::printf("%6.2fx | ", speed);
    std::printf(i == kTorch ? "  -   |\n" : "%5.3f |\n", cost);
    std::fflush(stdout);
  }
}

int run(const Options& options) {
  if (options.threads > 0) at::set_num_threads(options.threads);
  std::printf("%d threads, batch 1; peak: fp32 %.0f GFLOP/s, bf16 dot products %.0f.\n",
              at::get_num_threads(), fp32_peak(options.clock), bf16_peak(options.clock));
  std::printf(
      "| who        | type |   D  | tokens | skipped |    ms    | GFLOP/s | of peak  |  speed  | "
      "cost  |\n"
      "|------------|------|------|--------|---------|----------|---------|----------|---------|---"
      "----|\n");
  const std::vector<int64_t> tokens =
      options.is_quick ? std::vector<int64_t>{4096} : std::vector<int64_t>{4096, 8192, 16384};
  nlohmann::json rows = nlohmann::json::array();
  for (const auto dtype : {at::kFloat, at::kBFloat16}) {
    for (const int64_t head_dim : {64, 128}) {
      for (const int64_t length : tokens) {
        // So that a round takes about as long at either head_dim, and the longest not forever.
        const int64_t heads = (options.is_quick || length == 16384 ? 128 : 256) / head_dim;
        const int rounds = options.is_quick ? 3 : length <= 4096 ? 15 : 7;
        measure({dtype, head_dim, heads, length}, options.rounds > 0 ? options.rounds : rounds,
                options.clock, rows);
      }
    }
  }
  print_summary(rows);
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
  program.footer(
      "who: torch; ours in a dense step; with each policy judging all tiles; with tiles dropped\n"
      "before, at random or but for a band, under max_gap.\n"
      "speed: torch's time over this one. cost: time over (1 - skipped) times that of the dense\n"
      "step (policies) or of max_gap (masks).");
  program.add_flag("--quick", options.is_quick, "4,096 tokens, half the heads: under 20 seconds");
  program.add_option("--threads", options.threads, "Threads of both (default: Torch's)")
      ->check(CLI::PositiveNumber);
  program.add_option("--rounds", options.rounds, "Rounds of every shape (default: by its size)")
      ->check(CLI::PositiveNumber);
  program.add_flag_callback(
      "--processor-time", [&] { options.clock = tessera::bench::Clock::kProcessor; },
      "Processor time over the number of threads, where others use the machine too");
  program.add_option("--json", options.json, "Also write the rows to this file");
  CLI11_PARSE(program, argc, argv);
  try {
    return tessera::bench::run(options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "attention_forward: %s\n", error.what());
    return 1;
  }
}
