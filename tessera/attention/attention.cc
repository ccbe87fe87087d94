#include "tessera/attention/attention.h"

#include "tessera/attention/backend.h"
#include "tessera/attention/forward_plan.h"
#include "tessera/core/env.h"
#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

const Backend& chosen_backend(const RunOptions& run, DType dtype) {
  std::string name(run.backend);
  if (name.empty()) name = env::attention_backend().value_or("");
  return name.empty() ? best_backend(dtype) : find_backend(name);
}

void advance(const SkipRequest& skip) {
  if (skip.state == nullptr) return;
  skip.state->field(HeaderField::kStep) += 1;
  if (skip.policy.direction == DirectionMode::kAlternating) {
    skip.state->field(HeaderField::kDirection) ^= 1;
  }
}

AttentionReport make_report(const ForwardPlan& plan, std::string backend) {
  AttentionReport report{.backend = std::move(backend),
                         .batch = plan.batch,
                         .num_heads = plan.num_heads,
                         .heads = std::vector<TileCounts>(plan.batch * plan.num_heads)};
  for (int64_t row = 0; row < plan.tile_rows(); ++row) {
    report.heads[row / plan.q_tiles] += plan.row_counts[row];
  }
  return report;
}

}  // namespace

TileCounts& TileCounts::operator+=(const TileCounts& other) {
  total += other.total;
  visited += other.visited;
  dropped += other.dropped;
  return *this;
}

TileCounts AttentionReport::sum() const {
  TileCounts sum;
  for (const auto& head : heads) sum += head;
  return sum;
}

AttentionReport attention_forward(const AttentionProblem& problem, const AttentionOutputs& outputs,
                                  const SkipRequest& skip, const RunOptions& run) {
  const Backend& backend = chosen_backend(run, problem.q.dtype);
  ForwardPlan plan = make_forward_plan(problem, outputs, skip, run);
  if (!backend.has_dtype(plan.q.dtype)) {
    throw Unsupported(concat("[attention_forward] back end ", backend.name, " takes ",
                             backend.dtypes, ", got: ", dtype_name(plan.q.dtype)));
  }
  std::string name = backend.full_name();
  backend.forward(plan);
  advance(skip);
  return make_report(plan, std::move(name));
}

}  // namespace tessera::attention
