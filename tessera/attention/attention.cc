#include "tessera/attention/attention.h"

#include <algorithm>

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
  int32_t& stream = skip.state->field(HeaderField::kStream);
  if (++stream < skip.state->field(HeaderField::kStreams)) return;
  stream = 0;
  skip.state->field(HeaderField::kStep) += 1;
  const auto mode = std::visit([](const auto& policy) { return policy.direction; }, skip.policy);
  if (mode == DirectionMode::kAlternating) skip.state->field(HeaderField::kDirection) ^= 1;
}

/// Key tiles to load when `q_group` neighbouring rows of tiles share a load; before the call.
std::vector<int64_t> count_loads(const ForwardPlan& plan) {
  std::vector<int64_t> loads(plan.batch * plan.num_heads);
  const int64_t group = plan.geometry.q_group;
  VisitedTiles visited;
  std::vector<uint8_t> is_loaded(plan.kv_tiles);
  for (int64_t index = 0; index < plan.tile_rows(); ++index) {
    const TileRow row = tile_row(plan, index);
    if (row.q_tile % group == 0) std::fill(is_loaded.begin(), is_loaded.end(), 0);
    list_visited_tiles(plan, row, visited);
    for (const int32_t tile : visited.tiles) {
      loads[index / plan.q_tiles] += !is_loaded[tile];
      is_loaded[tile] = 1;
    }
  }
  return loads;
}

AttentionReport make_report(const ForwardPlan& plan, const std::vector<int64_t>& loads,
                            std::string backend) {
  AttentionReport report{.backend = std::move(backend),
                         .batch = plan.batch,
                         .num_heads = plan.num_heads,
                         .heads = std::vector<TileCounts>(plan.batch * plan.num_heads),
                         .masses = std::vector<LostMass>(plan.batch * plan.num_heads)};
  for (int64_t row = 0; row < plan.tile_rows(); ++row) {
    report.heads[row / plan.q_tiles] += plan.row_counts[row];
    report.masses[row / plan.q_tiles] += plan.row_masses[row];
  }
  for (size_t head = 0; head < report.heads.size(); ++head) {
    report.heads[head].loaded = loads.empty() ? report.heads[head].visited : loads[head];
  }
  return report;
}

}  // namespace

TileCounts& TileCounts::operator+=(const TileCounts& other) {
  total += other.total;
  visited += other.visited;
  dropped += other.dropped;
  probed += other.probed;
  returned += other.returned;
  loaded += other.loaded;
  return *this;
}

LostMass& LostMass::operator+=(const LostMass& other) {
  dropped = std::max(dropped, other.dropped);
  spent = std::max(spent, other.spent);
  const int64_t all = rows + other.rows;
  if (all > 0) {
    lost = (lost * static_cast<double>(rows) + other.lost * static_cast<double>(other.rows)) /
           static_cast<double>(all);
  }
  rows = all;
  return *this;
}

TileCounts AttentionReport::sum() const {
  TileCounts sum;
  for (const auto& head : heads) sum += head;
  return sum;
}

LostMass AttentionReport::sum_of_masses() const {
  LostMass sum;
  for (const auto& mass : masses) sum += mass;
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
  std::vector<int64_t> loads;
  if (plan.geometry.q_group > 1) loads = count_loads(plan);
  backend.forward(plan);
  advance(skip);
  return make_report(plan, loads, std::move(name));
}

}  // namespace tessera::attention
