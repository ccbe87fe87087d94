#include "tessera/attention/cpu/forward.h"

#include <vector>

#include "tessera/attention/cpu/kernels.h"
#include "tessera/attention/cpu/packed_heads.h"
#include "tessera/attention/cpu/row_worker.h"

namespace tessera::attention::cpu {
namespace {

void run(ForwardPlan& plan, const Kernels& kernels) {
  const Layout layout = make_layout(plan, kernels.sizes);
  PackedHeads heads(plan.batch * plan.num_kv_heads, plan.kv_tiles, layout.key_tile,
                    layout.value_tile);
  std::vector<RowWorker> workers;
  workers.reserve(plan.executor->num_threads());
  for (int t = 0; t < plan.executor->num_threads(); ++t) {
    workers.emplace_back(plan, kernels, layout, heads);
  }
  // Query heads of one key head are neighbours, and heads are the slower index of a row of tiles.
  plan.executor->parallel_for(plan.tile_rows(), [&](int64_t row, int thread) {
    workers[thread].compute(tile_row(plan, row));
  });
}

}  // namespace

void forward(ForwardPlan& plan) { run(plan, fp32_kernels()); }

std::string full_name() { return std::string("cpu/") + target_name(); }

void bf16_forward(ForwardPlan& plan) { run(plan, bf16_kernels()); }

}  // namespace tessera::attention::cpu
