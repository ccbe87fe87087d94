// Rotary position embedding over a grid of frames, rows and columns.
//
// Adjacent features (0,1), (2,3), ... of a head are complex numbers, each turned by an angle that
// grows with the token's position. The pairs are dealt to the three axes as in Wan: rows and
// columns get head_dim/6 pairs each (rounded down), frames the rest: 22, 21, 21 of 64.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace tessera::nn {

/// Tokens along each axis, column fastest.
struct TokenGrid {
  int64_t frames = 0, rows = 0, columns = 0;
  int64_t num_tokens() const { return frames * rows * columns; }
  auto operator<=>(const TokenGrid&) const = default;
};

/// exp(i angle) of each token and pair: complex [L, head_dim/2] on `device`.
///
/// The pair j of an axis with d features turns by position * 10000^(-2j/d); positions start at 0 on
/// every axis. Angles, cosines and sines are computed in fp64 on the CPU; `dtype` (kComplexDouble,
/// or kComplexFloat where training speed matters more than parity) is how they are stored.
/// Throws InvalidArgument unless head_dim is even and at least 6.
at::Tensor rope_table(const TokenGrid& grid, int64_t head_dim, at::ScalarType dtype,
                      at::Device device);

/// Turns every pair of x [B, L, H, D] by `table` [L, D/2], in the table's precision; the result is
/// fp32 [B, L, H, D].
at::Tensor apply_rope(const at::Tensor& x, const at::Tensor& table);

}  // namespace tessera::nn
