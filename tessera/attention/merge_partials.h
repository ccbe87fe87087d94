// One answer from several over different keys: how attention spread over calls, machines or shards
// of the keys comes together. Example: docs/attention/shards.md.
#pragma once

#include <span>

#include "tessera/attention/tensor_view.h"
#include "tessera/core/executor.h"

namespace tessera::attention {

/// What attention_forward gave for some of the keys.
struct PartialAttention {
  TensorView out;              ///< [B, Lq, Hq, D], fp32, fp16 or bf16
  const float* lse = nullptr;  ///< [B, Hq, Lq], natural log; -inf: the row visited no key
};

/// Attention over all keys of the parts, which must be disjoint: with w_i = exp(lse_i),
///
///   out = sum of w_i out_i / sum of w_i,   lse = log(sum of w_i)
///
/// so merging merged answers again is the same up to rounding. `lse` [B, Hq, Lq] may be null. The
/// parts may have dtypes of their own; fp32 parts lose least. Sums are in fp32 in the parts' order:
/// |error| <= (parts + 1) 2^-24 max |out_i|, and out's own rounding (docs/numerics.md, eq. 8).
///
/// `out` and `lse` may be the same memory as one part's, with its dtype and strides; otherwise
/// they must not overlap a part. A part whose lse is -inf does not count, whatever its out holds;
/// a row without any that counts gets out 0 and lse -inf. A row with an lse of NaN or +inf becomes
/// NaN; NaN in out_i spoils its own element.
///
/// Throws InvalidArgument for no parts, shapes that differ, null, dtypes that are not floats, D not
/// contiguous, or overlapping memory. `executor` null: the calling thread. The bits do not depend
/// on the threads.
void merge_partials(std::span<const PartialAttention> parts, const MutableTensorView& out,
                    float* lse = nullptr, Executor* executor = nullptr);

}  // namespace tessera::attention
