#include "tessera/segmentation/sam/position_attention.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/flip.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/upsample_linear1d.h>

#include "tessera/torch_ops/torch_executor.h"

namespace tessera::segmentation {
namespace {

using at::Tensor;

/// The table's rows for each pair (query, key) along one side, with the keys last: [side, d, side].
Tensor offsets_along(Tensor table, int64_t side) {
  if (table.size(0) != 2 * side - 1) {
    table = at::upsample_linear1d(table.t().unsqueeze(0), {2 * side - 1}, /*align_corners=*/false)
                .squeeze(0)
                .t();
  }
  // Row query - key + side - 1 for query and key: windows of the reversed table. Unlike rows taken
  // by index, its gradient needs no sorting.
  return table.flip(0).unfold(0, side, 1).flip(0);
}

/// q . R for each query and each place along one side. q [B, heads, Y, X, d]; the products run over
/// the queries of one line together. -> [B, heads, Y, X, side]
Tensor along_height(const Tensor& q, const Tensor& table) {
  const int64_t b = q.size(0), n = q.size(1), y = q.size(2), x = q.size(3), d = q.size(4);
  const Tensor lines = q.permute({2, 0, 3, 1, 4}).reshape({y, b * x * n, d});
  return at::bmm(lines, offsets_along(table, y)).view({y, b, x, n, y}).permute({1, 3, 0, 2, 4});
}

Tensor along_width(const Tensor& q, const Tensor& table) {
  const int64_t b = q.size(0), n = q.size(1), y = q.size(2), x = q.size(3), d = q.size(4);
  const Tensor lines = q.permute({3, 0, 2, 1, 4}).reshape({x, b * y * n, d});
  return at::bmm(lines, offsets_along(table, x)).view({x, b, y, n, x}).permute({1, 3, 2, 0, 4});
}

struct Problem {
  Tensor q, k, v;         // [B, heads, N, d]
  Tensor bias_h, bias_w;  // [B, heads, Y, X, Y] and [B, heads, Y, X, X]
  double scale;

  int64_t height() const { return bias_h.size(-1); }
  int64_t width() const { return bias_w.size(-1); }
  int64_t tokens() const { return q.size(2); }
};

/// Note [Positions as head dimensions]: the two biases depend on the key only through its row and
/// its column. So they are dot products with one-hot vectors, and
///
///   logit = [scale q, q.Rh, q.Rw] . [k, onehot(ky), onehot(kx)]
///
/// is plain attention with longer heads (64 + 64 + 64 for SAM's global blocks), which fused kernels
/// take, forwards and backwards, with no bias in memory.
Tensor attend_with_long_heads(const Problem& p) {
  const int64_t height = p.height(), width = p.width(), length = p.v.size(-1) + height + width;
  const int64_t spare = (8 - length % 8) % 8;  // fused kernels want multiples of eight
  const auto options = p.k.options();
  const Tensor rows = at::eye(height, options).unsqueeze(1).expand({height, width, height});
  const Tensor columns = at::eye(width, options).unsqueeze(0).expand({height, width, width});
  const Tensor places = at::constant_pad_nd(at::cat({rows, columns}, -1), {0, spare})
                            .flatten(0, 1)
                            .expand({p.k.size(0), p.k.size(1), -1, -1});
  const auto type = p.q.scalar_type();
  std::vector<Tensor> parts = {p.q * p.scale, p.bias_h.flatten(2, 3).to(type),
                               p.bias_w.flatten(2, 3).to(type)};
  if (spare > 0) parts.push_back(p.q.new_zeros({p.q.size(0), p.q.size(1), p.tokens(), spare}));
  // Flash attention wants heads of one length, so the values are padded.
  return at::scaled_dot_product_attention(at::cat(parts, -1), at::cat({p.k, places}, -1),
                                          at::constant_pad_nd(p.v, {0, height + width + spare}), {},
                                          /*dropout_p=*/0.0,
                                          /*is_causal=*/false, /*scale=*/1.0)
      .slice(-1, 0, p.v.size(-1));
}

/// On a CPU, without gradients, where the bias of all tokens is small: windows.
Tensor attend_with_bias(const Problem& p) {
  const Tensor bias = (p.bias_h.contiguous().unsqueeze(-1) + p.bias_w.contiguous().unsqueeze(-2))
                          .view({p.q.size(0), p.q.size(1), p.tokens(), p.tokens()});
  return at::scaled_dot_product_attention(p.q, p.k, p.v, bias, 0.0, false, p.scale);
}

/// On a CPU, without gradients: a few query rows at a time, whose scores stay in the second-level
/// cache.
Tensor attend_in_chunks(const Problem& p) {
  constexpr int64_t kChunkElements = 256 * 1024;  // a megabyte of scores
  const int64_t heads = p.q.size(1), tokens = p.tokens(), width = p.width();
  const Tensor k = p.k.contiguous(), v = p.v.contiguous();  // they are read again for each chunk
  Tensor out = at::empty({p.q.size(0), tokens, heads, p.v.size(-1)}, p.q.options()).transpose(1, 2);
  const int64_t lines = std::clamp<int64_t>(kChunkElements / (tokens * width), 1, p.height());
  const int64_t chunks = (p.height() + lines - 1) / lines;
  const auto one_chunk = [&](int64_t index, int) {
    const at::NoGradGuard no_grad;  // the mode is a thread's own
    const int64_t pair = index / chunks, y = index % chunks * lines;
    const int64_t count = std::min(lines, p.height() - y);
    const auto of_pair = [&](const Tensor& x) { return x[pair / heads][pair % heads]; };
    const auto rows = [&](const Tensor& x) {
      return of_pair(x).narrow(0, y * width, count * width);
    };
    Tensor scores = (of_pair(p.bias_h).narrow(0, y, count).unsqueeze(-1) +
                     of_pair(p.bias_w).narrow(0, y, count).unsqueeze(-2))
                        .view({count * width, tokens});
    scores.addmm_(rows(p.q), of_pair(k).t(), 1, p.scale);
    Tensor part = rows(out);
    at::mm_out(part, at::softmax(scores, -1), of_pair(v));
  };
  torch_ops::torch_executor().parallel_for(p.q.size(0) * heads * chunks, one_chunk);
  return out;
}

}  // namespace

Tensor position_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                          const Tensor& rel_pos_h, const Tensor& rel_pos_w, int64_t height,
                          int64_t width) {
  // Measured on one core with AVX-512 at SAM ViT-B's sizes, fp32: a global head of 64 x 64 tokens
  // takes 57 ms in chunks, 100 ms with the bias in memory, 135 to 145 ms as long heads; a window
  // of 14 x 14 takes 0.18 ms with the bias in memory, 0.20 ms in chunks, 0.25 ms as long heads.
  constexpr int64_t kSmallBias = 1024;  // tokens
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  const Tensor grid = q.unflatten(2, {height, width});
  const Problem problem{q,    k, v, along_height(grid, rel_pos_h), along_width(grid, rel_pos_w),
                        scale};
  if (!q.device().is_cpu() || at::GradMode::is_enabled() || q.scalar_type() != at::kFloat)
    return attend_with_long_heads(problem);
  return height * width <= kSmallBias ? attend_with_bias(problem) : attend_in_chunks(problem);
}

}  // namespace tessera::segmentation
