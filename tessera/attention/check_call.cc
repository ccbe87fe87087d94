// The rules of attention.h, checked in the order of its text.
#include <cmath>
#include <string>

#include "tessera/attention/forward_plan.h"
#include "tessera/attention/memory_span.h"
#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

constexpr int64_t kMaxSize = 0x7fffffff;

template <typename View>
void check_view(const char* name, const View& view, const std::array<int64_t, 4>& shape,
                DType dtype) {
  TESSERA_CHECK(view.data != nullptr, "[attention_forward] ", name, " must be set, got: null");
  TESSERA_CHECK(view.dtype == dtype, "[attention_forward] ", name, " must have q's dtype ",
                dtype_name(dtype), ", got: ", dtype_name(view.dtype));
  TESSERA_CHECK(view.shape == shape, "[attention_forward] ", name, " must be ", text(shape),
                ", got: ", text(view.shape));
  TESSERA_CHECK(view.strides[3] == 1 || shape[3] == 1, "[attention_forward] ", name,
                " must be contiguous in its last dimension, got stride: ", view.strides[3]);
  TESSERA_CHECK(has_sane_reach(view), "[attention_forward] ", name,
                "'s strides must reach at most 2^58 elements, got: ", text(view.strides));
}

void check_shapes(const AttentionProblem& problem, const AttentionOutputs& outputs) {
  const auto& [batch, q_len, num_heads, head_dim] = problem.q.shape;
  const int64_t kv_len = problem.k.shape[1], num_kv_heads = problem.k.shape[2];
  for (const int64_t size : {batch, q_len, num_heads, head_dim, kv_len, num_kv_heads}) {
    TESSERA_CHECK(1 <= size && size <= kMaxSize,
                  "[attention_forward] every size must be in [1, 2^31), got: q ",
                  text(problem.q.shape), ", k ", text(problem.k.shape));
  }
  TESSERA_CHECK(head_dim <= kMaxHeadDim, "[attention_forward] head_dim must be at most ",
                kMaxHeadDim, ", got: ", head_dim);
  TESSERA_CHECK(num_heads % num_kv_heads == 0,
                "[attention_forward] q's heads must be a multiple of k's heads (", num_kv_heads,
                "), got: ", num_heads);
  const DType dtype = problem.q.dtype;
  check_view("q", problem.q, problem.q.shape, dtype);
  check_view("k", problem.k, {batch, kv_len, num_kv_heads, head_dim}, dtype);
  check_view("v", problem.v, {batch, kv_len, num_kv_heads, head_dim}, dtype);
  check_view("out", outputs.out, problem.q.shape, dtype);
}

/// `num_tiles`: B * Hq * Tq * Tk, the size of tile_mass.
void check_memory(const AttentionProblem& problem, const AttentionOutputs& outputs,
                  int64_t num_tiles) {
  for (int i = 0; i < 3; ++i) {
    TESSERA_CHECK(outputs.out.shape[i] == 1 || outputs.out.strides[i] != 0,
                  "[attention_forward] out must not have a stride of 0, got one in dimension: ", i);
  }
  const int64_t rows = outputs.out.shape[0] * outputs.out.shape[1] * outputs.out.shape[2];
  struct Named {
    const char* name;
    MemorySpan span;
  };
  const Named inputs[] = {
      {"q", memory_span(problem.q)}, {"k", memory_span(problem.k)}, {"v", memory_span(problem.v)}};
  std::vector<Named> written = {{"out", memory_span(outputs.out)}};
  if (outputs.lse != nullptr) written.push_back({"lse", memory_span(outputs.lse, rows)});
  if (outputs.row_max != nullptr)
    written.push_back({"row_max", memory_span(outputs.row_max, rows)});
  if (outputs.tile_mass != nullptr) {
    written.push_back({"tile_mass", memory_span(outputs.tile_mass, num_tiles)});
  }
  for (size_t i = 0; i < written.size(); ++i) {
    for (const Named& input : inputs) {
      TESSERA_CHECK(!overlap(input.span, written[i].span), "[attention_forward] ", written[i].name,
                    " must not overlap an input, got: the memory of ", input.name);
    }
    for (size_t j = 0; j < i; ++j) {
      TESSERA_CHECK(!overlap(written[j].span, written[i].span), "[attention_forward] ",
                    written[i].name, " must not overlap another output, got: the memory of ",
                    written[j].name);
    }
  }
}

std::vector<int64_t> checked_kv_lengths(const AttentionProblem& problem) {
  const int64_t batch = problem.q.shape[0], kv_len = problem.k.shape[1];
  if (problem.kv_lengths.empty()) return std::vector<int64_t>(batch, kv_len);
  TESSERA_CHECK(static_cast<int64_t>(problem.kv_lengths.size()) == batch,
                "[attention_forward] kv_lengths must have one entry per batch entry (", batch,
                "), got: ", problem.kv_lengths.size());
  for (const int64_t length : problem.kv_lengths) {
    TESSERA_CHECK(0 <= length && length <= kv_len, "[attention_forward] kv_lengths must be in [0, ",
                  kv_len, "], got: ", length);
  }
  return {problem.kv_lengths.begin(), problem.kv_lengths.end()};
}

double checked_scale(const AttentionProblem& problem) {
  if (!problem.scale) return 1.0 / std::sqrt(static_cast<double>(problem.q.shape[3]));
  const double scale = *problem.scale;
  // Back ends hold it in fp32: it must neither vanish nor overflow there.
  TESSERA_CHECK(1e-30 <= scale && scale <= 1e30,
                "[attention_forward] scale must be in [1e-30, 1e30], got: ", scale);
  return scale;
}

/// One line of a mismatch message.
void check_same(const char* name, int64_t state, int64_t call) {
  TESSERA_CHECK(state == call, "[attention_forward] the state is for ", name, " ", state,
                ", got: ", call);
}

TileGeometry check_state_for(const SkipRequest& skip, const AttentionProblem& problem) {
  const SkipStateView& state = *skip.state;
  const SkipStateShape shape = state_shape(state);
  check_same("batch", shape.batch, problem.q.shape[0]);
  check_same("heads", shape.num_heads, problem.q.shape[2]);
  check_same("q_len", shape.q_len, problem.q.shape[1]);
  check_same("kv_len", shape.kv_len, problem.k.shape[1]);
  check_same("token order", shape.token_order, skip.token_order);
  const int32_t generation = state.field(HeaderField::kGeneration);
  TESSERA_CHECK(generation > 0,
                "[attention_forward] the state must have begun a generation, got: none");
  check_same("generation", generation, skip.generation.value_or(generation));
  const int32_t stream = state.field(HeaderField::kStream);
  check_same("stream", stream, skip.stream.value_or(stream));
  const int32_t step = state.field(HeaderField::kStep);
  const int32_t total_steps = state.field(HeaderField::kTotalSteps);
  TESSERA_CHECK(step < total_steps, "[attention_forward] the generation ends after ", total_steps,
                " steps and a new one must begin, got: step ", step);
  return shape.geometry;
}

/// Steps of the state's generation; 1 without a state.
std::pair<int32_t, int32_t> step_and_total(const SkipStateView* state) {
  if (state == nullptr) return {0, 1};
  return {state->field(HeaderField::kStep), state->field(HeaderField::kTotalSteps)};
}

void set_policy(const MaxGapPolicy& policy, ForwardPlan& plan) {
  const auto [step, total_steps] = step_and_total(plan.state);
  check_level_table(policy.thresholds, total_steps, plan.num_heads,
                    {"every threshold of a table must be finite and negative",
                     [](float level) { return std::isfinite(level) && level < 0; }});
  for (int64_t h = 0; h < plan.num_heads; ++h) {
    const float threshold =
        policy.thresholds.is_empty() ? policy.threshold : policy.thresholds.at(step, h);
    plan.cuts.push_back(max_gap_cut(threshold, plan.scale));
  }
  TESSERA_CHECK(plan.tile_mass == nullptr,
                "[attention_forward] tile_mass needs the policy mass, got: max_gap");
  if (plan.step == StepKind::kSkip) plan.verdicts = Verdicts::kGap;
}

void set_policy(const MassPolicy& policy, ForwardPlan& plan) {
  const auto [step, total_steps] = step_and_total(plan.state);
  check_mass_policy(policy, total_steps, plan.num_heads);
  for (int64_t h = 0; h < plan.num_heads; ++h) {
    plan.budgets.push_back(mass_budget(policy, step, total_steps, h));
  }
  const bool is_mean = policy.estimate == MassEstimate::kRowMean;
  if (is_mean && plan.carried.lse != nullptr) {
    plan.reference_lse = plan.carried.lse;
    plan.is_normalised = false;
  } else if (is_mean) {
    TESSERA_CHECK(plan.state != nullptr && plan.state->lse != nullptr,
                  "[attention_forward] the row mean's masses need a state with has_lse, or a "
                  "carried lse, got: none");
    // Before the first call there is nothing to go by.
    if (step > 0) plan.reference_lse = plan.next_lse;
  }
  if (plan.step == StepKind::kSkip) plan.probe_period = policy.probe_period;
  plan.probe_seed = policy.probe_seed;
  if (plan.step == StepKind::kDense && plan.tile_mass == nullptr) return;
  plan.verdicts = is_mean ? Verdicts::kRowMean : Verdicts::kRowMaximum;
}

}  // namespace

ForwardPlan make_forward_plan(const AttentionProblem& problem, const AttentionOutputs& outputs,
                              const SkipRequest& skip, const RunOptions& run) {
  check_shapes(problem, outputs);
  ForwardPlan plan{.q = problem.q,
                   .k = problem.k,
                   .v = problem.v,
                   .out = outputs.out,
                   .lse = outputs.lse,
                   .row_max = outputs.row_max,
                   .tile_mass = outputs.tile_mass,
                   .batch = problem.q.shape[0],
                   .q_len = problem.q.shape[1],
                   .kv_len = problem.k.shape[1],
                   .num_heads = problem.q.shape[2],
                   .num_kv_heads = problem.k.shape[2],
                   .head_dim = problem.q.shape[3],
                   .kv_lengths = checked_kv_lengths(problem),
                   .scale = checked_scale(problem),
                   .geometry = kCpuTileGeometry};
  plan.carried = skip.carried;
  if (skip.state != nullptr) {
    plan.geometry = check_state_for(skip, problem);
    plan.state = skip.state;
    plan.step = skip.step;
    plan.direction = static_cast<Direction>(skip.state->field(HeaderField::kDirection));
    if (plan.state->lse != nullptr) {
      plan.next_lse = plan.state->lse + plan.state->field(HeaderField::kStream) * plan.batch *
                                            plan.num_heads * plan.q_len;
    }
  }
  std::visit([&](const auto& policy) { set_policy(policy, plan); }, skip.policy);
  plan.q_tiles = tile_count(plan.q_len, plan.geometry.q_tile);
  plan.kv_tiles = tile_count(plan.kv_len, plan.geometry.kv_tile);
  check_memory(problem, outputs, plan.tile_rows() * plan.kv_tiles);
  plan.ranges = range_tiles(skip.must_keep, skip.must_skip,
                            {plan.num_heads, plan.q_len, plan.kv_len, plan.geometry});
  plan.executor = run.executor != nullptr ? run.executor : &serial_executor();
  plan.row_counts.resize(plan.tile_rows());
  plan.row_masses.resize(plan.tile_rows());
  return plan;
}

}  // namespace tessera::attention
