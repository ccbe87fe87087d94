// tessera::attention_forward as a Torch operator, with the state as explicit tensors.
//
// The schema stands once, in attention_operator.h; other back ends register themselves under it.
// The functions here call through Torch's dispatcher, so a model gets the device's implementation.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/attention/attention.h"

namespace tessera::torch_ops {

/// The arrays of attention::SkipStateView as tensors, contiguous, on the device of q; the operator
/// changes them in place.
struct SkipStateTensors {
  at::Tensor bits;     // int32 [B, Hq, Tq, ceil(Tk / 32)]
  at::Tensor spent;    // fp32 [B, Hq, Tq]
  at::Tensor header;   // int32 [attention::kHeaderFields]
  at::Tensor lse;      // fp32 [streams, B, Hq, Lq], or undefined
  at::Tensor pending;  // uint8 [B, Hq, Tq, Tk], undefined unless streams = 2
};

/// A new state on the CPU; call begin_generation() before the first step of each video. Throws
/// InvalidArgument for sizes outside their ranges.
SkipStateTensors make_skip_state(const attention::SkipStateShape& shape);

/// All tiles kept, step 0 of `total_steps`, the tiles of a row visited in direction `first`.
void begin_generation(SkipStateTensors& state, int64_t total_steps,
                      attention::Direction first = attention::Direction::kAscending);

/// The state as the library sees it; valid as long as the tensors live. Throws InvalidArgument
/// unless they are contiguous, on the CPU and of the right types.
attention::SkipStateView view_of(const SkipStateTensors& state);

struct AttentionCall {
  std::optional<double> scale;  // 1 / sqrt(D) if empty
  attention::SkipPolicy policy;
  bool is_dense_step = false;
  std::vector<attention::TokenRange> must_keep, must_skip;
  std::optional<at::Tensor> kv_lengths;  // int64 [B]
  // fp32 [B, Hq, Lq], of earlier shards of the keys: attention::Carried.
  std::optional<at::Tensor> carried_row_max, carried_lse;
  bool with_tile_mass = false;
  int64_t token_order = 0;            // must be the state's
  std::optional<int64_t> generation;  // if set, must be the state's
  std::optional<int64_t> stream;      // if set, must be the one whose turn it is
};

/// Fields as in attention::TileCounts, LostMass (statistics.h reads them) and AttentionOutputs.
struct AttentionResult {
  at::Tensor out;        // as q
  at::Tensor lse;        // fp32 [B, Hq, Lq], natural log, over the visited tiles
  at::Tensor row_max;    // fp32 [B, Hq, Lq]
  at::Tensor counters;   // int64 [B, Hq, 6]: total, visited, dropped, probed, returned, loaded
  at::Tensor masses;     // fp64 [B, Hq, 4]: dropped, spent, lost, rows
  at::Tensor tile_mass;  // fp32 [B, Hq, Tq, Tk] if asked for, else undefined
};

/// q [B, Lq, Hq, D], k and v [B, Lk, Hkv, D], D contiguous; fp32, fp16 or bf16. Without a state
/// every tile is visited. Forward only: an input that requires a gradient is refused while
/// gradients are recorded. Throws what attention::attention_forward throws.
AttentionResult attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  SkipStateTensors* state = nullptr,
                                  const AttentionCall& call = {});

/// The back end that the last call of this thread ran on, such as "cpu/AVX3".
const std::string& last_backend();

}  // namespace tessera::torch_ops
