#include "tessera/nn/rope.h"

#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/view_as_complex.h>
#include <ATen/ops/view_as_real.h>

#include "tessera/core/error.h"

namespace tessera::nn {

at::Tensor rope_table(const TokenGrid& grid, int64_t head_dim, at::ScalarType dtype,
                      at::Device device) {
  TESSERA_CHECK(head_dim >= 6 && head_dim % 2 == 0,
                "[rope_table] head_dim must be even and at least 6, got: ", head_dim);
  const int64_t side_pairs = head_dim / 6;  // pairs of the rows and of the columns
  const int64_t axis_pairs[] = {head_dim / 2 - 2 * side_pairs, side_pairs, side_pairs};

  auto table = at::empty({grid.num_tokens(), head_dim / 2}, at::kComplexDouble);  // [L, D/2]
  auto* entry = table.data_ptr<c10::complex<double>>();
  for (int64_t token = 0; token < grid.num_tokens(); ++token) {
    const int64_t position[] = {token / (grid.rows * grid.columns),
                                token / grid.columns % grid.rows, token % grid.columns};
    for (int axis = 0; axis < 3; ++axis) {
      for (int64_t pair = 0; pair < axis_pairs[axis]; ++pair) {
        const double share = static_cast<double>(pair) / static_cast<double>(axis_pairs[axis]);
        const double angle = static_cast<double>(position[axis]) * std::pow(10000.0, -share);
        *entry++ = {std::cos(angle), std::sin(angle)};
      }
    }
  }
  return table.to(device, dtype);
}

at::Tensor apply_rope(const at::Tensor& x, const at::Tensor& table) {
  const int64_t batch = x.size(0), length = x.size(1), heads = x.size(2), pairs = table.size(1);
  TESSERA_CHECK(x.dim() == 4 && table.size(0) == length && x.size(3) == 2 * pairs,
                "[apply_rope] x must be [B, ", table.size(0), ", H, ", 2 * pairs,
                "], got: ", x.sizes());
  const auto real = x.to(c10::toRealValueType(table.scalar_type()));
  const auto turned = at::view_as_complex(real.reshape({batch, length, heads, pairs, 2})) *
                      table.unsqueeze(1);  // [B, L, H, D/2] x [L, 1, D/2]
  return at::view_as_real(turned).flatten(3).to(at::kFloat);
}

}  // namespace tessera::nn
