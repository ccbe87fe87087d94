// An attention call's counts and masses as tensors, and back: the order of their numbers stands
// here alone.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "tessera/attention/attention.h"

namespace tessera::torch_ops {

inline constexpr int64_t kCounters = 6, kMasses = 4;

/// int64 [B, Hq, kCounters]: total, visited, dropped, probed, returned, loaded.
at::Tensor counters_of(const attention::AttentionReport& report);

/// fp64 [B, Hq, kMasses]: dropped, spent, lost, rows.
at::Tensor masses_of(const attention::AttentionReport& report);

/// Sums of int64 [..., kCounters] and fp64 [..., kMasses], contiguous, on the CPU, over all but the
/// last dimension, as the library's structs add up. Throws InvalidArgument for other tensors.
attention::TileCounts counts_of(const at::Tensor& counters);
attention::LostMass mass_of(const at::Tensor& masses);

}  // namespace tessera::torch_ops
