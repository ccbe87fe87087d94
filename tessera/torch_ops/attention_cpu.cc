// The operator on the CPU.
#include <string>

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "tessera/core/error.h"
#include "tessera/torch_ops/arguments.h"
#include "tessera/torch_ops/attention.h"
#include "tessera/torch_ops/attention_operator.h"
#include "tessera/torch_ops/statistics.h"
#include "tessera/torch_ops/torch_executor.h"

namespace tessera::torch_ops {
namespace {

thread_local std::string backend_of_last_call;

}  // namespace

AttentionTuple attention_forward_cpu(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const OptionalTensor& bits,
    const OptionalTensor& spent, const OptionalTensor& header, const OptionalTensor& state_lse,
    const OptionalTensor& pending, const OptionalTensor& tile_mass, std::optional<double> scale,
    std::string_view policy, std::optional<double> level, const OptionalTensor& levels,
    std::string_view growth, std::string_view estimate, int64_t probe_period, int64_t probe_seed,
    bool alternate_direction, bool dense_step, const OptionalTensor& must_keep,
    const OptionalTensor& must_skip, const OptionalTensor& kv_lengths,
    const OptionalTensor& carried_row_max, const OptionalTensor& carried_lse, int64_t token_order,
    std::optional<int64_t> generation, std::optional<int64_t> stream) {
  attention::AttentionProblem problem;
  problem.q = view_of_input(q, "q");
  problem.k = view_of_input(k, "k");
  problem.v = view_of_input(v, "v");
  refuse_gradient(q, "q");
  refuse_gradient(k, "k");
  refuse_gradient(v, "v");
  problem.scale = scale;
  const auto lengths = lengths_of(kv_lengths, q.size(0));
  problem.kv_lengths = lengths;

  const bool has_state = bits.has_value();
  TESSERA_CHECK(spent.has_value() == has_state && header.has_value() == has_state,
                "[attention_forward] bits, spent and header come together or not at all");
  TESSERA_CHECK(has_state || (!state_lse && !pending),
                "[attention_forward] state_lse and pending are parts of a state, got no bits");
  attention::SkipStateView state;
  attention::SkipRequest skip;
  auto geometry = attention::kCpuTileGeometry;
  if (has_state) {
    state = view_of(
        {*bits, *spent, *header, state_lse.value_or(at::Tensor()), pending.value_or(at::Tensor())});
    skip.state = &state;
    geometry = attention::state_shape(state).geometry;
  }
  skip.token_order = narrowed(token_order, "attention_forward", "token_order", 0);
  if (generation) skip.generation = narrowed(*generation, "attention_forward", "generation", 1);
  if (stream) skip.stream = narrowed(*stream, "attention_forward", "stream", 0);
  skip.step = dense_step ? attention::StepKind::kDense : attention::StepKind::kSkip;
  skip.policy = policy_of({.policy = policy,
                           .growth = growth,
                           .estimate = estimate,
                           .level = level,
                           .levels = levels,
                           .probe_period = probe_period,
                           .probe_seed = probe_seed,
                           .alternates = alternate_direction});
  const int64_t rows[] = {q.size(0), q.size(2), q.size(1)};
  skip.carried = {.row_max = float_data(carried_row_max, "carried_row_max", rows),
                  .lse = float_data(carried_lse, "carried_lse", rows)};
  const auto keep = ranges_of(must_keep, "must_keep");
  const auto leave = ranges_of(must_skip, "must_skip");
  skip.must_keep = keep;
  skip.must_skip = leave;

  at::Tensor out = at::empty(q.sizes(), q.options());
  at::Tensor lse = at::empty(rows, q.options().dtype(at::kFloat));
  at::Tensor row_max = at::empty_like(lse);
  const int64_t tiles[] = {q.size(0), q.size(2), attention::tile_count(q.size(1), geometry.q_tile),
                           attention::tile_count(k.size(1), geometry.kv_tile)};
  const attention::AttentionOutputs outputs{.out = view_of_output(out, "out"),
                                            .lse = lse.mutable_data_ptr<float>(),
                                            .row_max = row_max.mutable_data_ptr<float>(),
                                            .tile_mass = float_data(tile_mass, "tile_mass", tiles)};
  const auto report =
      attention::attention_forward(problem, outputs, skip, {.executor = &torch_executor()});
  backend_of_last_call = report.backend;
  return {out, lse, row_max, counters_of(report), masses_of(report)};
}

const std::string& last_backend() { return backend_of_last_call; }

}  // namespace tessera::torch_ops
