// One answer from several over different keys: attention::merge_partials as an operator.
#pragma once

#include <optional>
#include <tuple>
#include <vector>

#include <ATen/core/Tensor.h>

namespace tessera::torch_ops {

inline constexpr char kMergePartialsSchema[] =
    "merge_partials(Tensor[] outs, Tensor[] lses, *, ScalarType? dtype=None) "
    "-> (Tensor out, Tensor lse)";

/// outs[i] [B, Lq, Hq, D], fp32, fp16 or bf16, D contiguous, and lses[i] fp32 [B, Hq, Lq] of one
/// part, over keys of its own. Returns out and lse over all keys; out is new, of `dtype`, the first
/// part's if not said. Forward only. Throws what attention::merge_partials throws.
std::tuple<at::Tensor, at::Tensor> merge_partials(
    const std::vector<at::Tensor>& outs, const std::vector<at::Tensor>& lses,
    std::optional<at::ScalarType> dtype = std::nullopt);

using MergePartialsSignature = std::tuple<at::Tensor, at::Tensor>(
    at::TensorList outs, at::TensorList lses, std::optional<at::ScalarType> dtype);

/// The implementations for the CPU, and for tensors without memory.
MergePartialsSignature merge_partials_cpu, merge_partials_meta;

}  // namespace tessera::torch_ops
