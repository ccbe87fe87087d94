#include "tessera/nn/time_embedding.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/pow.h>

#include "tessera/core/error.h"

namespace tessera::nn {

at::Tensor time_embedding(const at::Tensor& t, int64_t dim) {
  TESSERA_CHECK(t.dim() == 1, "[time_embedding] t must be [B], got: ", t.sizes());
  TESSERA_CHECK(dim >= 2 && dim % 2 == 0, "[time_embedding] dim must be even, got: ", dim);
  const int64_t half = dim / 2;
  const auto index = at::arange(half, t.options().dtype(at::kDouble));
  const auto frequency = at::pow(10000.0, index / static_cast<double>(-half));  // [dim/2]
  const auto angle = t.to(at::kDouble).unsqueeze(1) * frequency;                // [B, dim/2]
  return at::cat({angle.cos(), angle.sin()}, 1).to(at::kFloat);                 // [B, dim]
}

}  // namespace tessera::nn
