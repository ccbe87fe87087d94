#include "tessera/attention/cpu/forward.h"

#include <algorithm>
#include <numeric>

#include "tessera/attention/cpu/kernels.h"
#include "tessera/attention/cpu/packed_tiles.h"
#include "tessera/attention/cpu/row_worker.h"

namespace tessera::attention::cpu {
namespace {

/// Calls compute(row, packed, thread) for every row of tiles. As many key heads at once as fit the
/// budget: long sequences need little beyond one head's copy, short ones few rounds.
///
/// The budget stays below the 32 MiB from which on glibc gives memory back to the system on every
/// free: fresh pages would cost more than the packing.
template <typename Compute>
void run_in_rounds(const ForwardPlan& plan, const Layout& layout, const Compute& compute) {
  constexpr int64_t kBudgetWords = (int64_t{24} << 20) / sizeof(float);
  const int64_t pairs = plan.batch * plan.num_kv_heads;
  const int64_t head = plan.kv_tiles * (layout.key_tile + layout.value_tile);
  const int64_t round = std::clamp<int64_t>(kBudgetWords / head, 1, pairs);
  PackedTiles packed(round, plan.kv_tiles, layout.key_tile, layout.value_tile);
  // Query heads of one key head are neighbours, and heads are the slower index of a row of tiles.
  const int64_t rows_per_pair = plan.num_heads / plan.num_kv_heads * plan.q_tiles;
  for (int64_t first = 0; first < pairs; first += round) {
    packed.restart(first);
    const int64_t rows = std::min(round, pairs - first) * rows_per_pair;
    plan.executor->parallel_for(rows, [&](int64_t index, int thread) {
      compute(first * rows_per_pair + index, packed, thread);
    });
  }
}

void run(ForwardPlan& plan, const Kernels& kernels) {
  const Layout layout = make_layout(plan, kernels.sizes);
  std::vector<RowWorker> workers;
  workers.reserve(plan.executor->num_threads());
  for (int t = 0; t < plan.executor->num_threads(); ++t) {
    workers.emplace_back(plan, kernels, layout);
  }
  run_in_rounds(plan, layout, [&](int64_t row, PackedTiles& packed, int thread) {
    workers[thread].compute(tile_row(plan, row), packed);
  });
}

}  // namespace

void forward(ForwardPlan& plan) { run(plan, fp32_kernels()); }

std::string full_name() { return std::string("cpu/") + target_name(); }

void bf16_forward(ForwardPlan& plan) { run(plan, bf16_kernels()); }

}  // namespace tessera::attention::cpu
