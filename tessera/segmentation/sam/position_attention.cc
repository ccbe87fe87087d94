#include "tessera/segmentation/sam/position_attention.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorIndexing.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/upsample_linear1d.h>

#include "tessera/torch_ops/torch_executor.h"

namespace tessera::segmentation {
namespace {

using at::Tensor;

/// The table's rows for each pair (query, key) along one side: [side, side, d].
Tensor offsets_along(Tensor table, int64_t side) {
  if (table.size(0) != 2 * side - 1) {
    table = at::upsample_linear1d(table.t().unsqueeze(0), {2 * side - 1}, /*align_corners=*/false)
                .squeeze(0)
                .t();
  }
  const Tensor at = at::arange(side, table.options().dtype(at::kLong));
  const Tensor index = at.unsqueeze(1) - at.unsqueeze(0) + (side - 1);
  return table.index({index});
}

/// q . R for each query and each place along one side. q [B, heads, Y, X, d]; the products run over
/// the queries of one line together. -> [B, heads, Y * X, side]
Tensor along_height(const Tensor& q, const Tensor& table) {
  const int64_t b = q.size(0), n = q.size(1), y = q.size(2), x = q.size(3), d = q.size(4);
  const Tensor lines = q.permute({2, 0, 1, 3, 4}).reshape({y, b * n * x, d});
  return at::bmm(lines, offsets_along(table, y).transpose(1, 2))  // [y, b n x, y]
      .view({y, b, n, x, y})
      .permute({1, 2, 0, 3, 4})
      .reshape({b, n, y * x, y});
}

Tensor along_width(const Tensor& q, const Tensor& table) {
  const int64_t b = q.size(0), n = q.size(1), y = q.size(2), x = q.size(3), d = q.size(4);
  const Tensor lines = q.permute({3, 0, 1, 2, 4}).reshape({x, b * n * y, d});
  return at::bmm(lines, offsets_along(table, x).transpose(1, 2))  // [x, b n y, x]
      .view({x, b, n, y, x})
      .permute({1, 2, 3, 0, 4})
      .reshape({b, n, y * x, x});
}

/// Note [Positions as head dimensions]: the two biases depend on the key only through its row and
/// its column. So they are dot products with one-hot vectors, and
///
///   logit = [scale q, q.Rh, q.Rw] . [k, onehot(ky), onehot(kx)]
///
/// is plain attention with longer heads (64 + 64 + 64 for SAM's global blocks), which fused kernels
/// take, forwards and backwards, with no bias in memory.
Tensor attend_with_long_heads(const Tensor& q, const Tensor& k, const Tensor& v,
                              const Tensor& bias_h, const Tensor& bias_w, double scale,
                              int64_t height, int64_t width) {
  const auto options = k.options();
  const Tensor rows = at::eye(height, options).repeat_interleave(width, 0);  // [N, height]
  const Tensor columns = at::eye(width, options).repeat({height, 1});        // [N, width]
  const Tensor places =
      at::cat({rows, columns}, 1).expand({k.size(0), k.size(1), height * width, height + width});
  const Tensor long_q =
      at::cat({q * scale, bias_h.to(q.scalar_type()), bias_w.to(q.scalar_type())}, -1);
  const Tensor long_k = at::cat({k, places}, -1);
  // Flash attention wants heads of one length.
  const Tensor long_v = at::constant_pad_nd(v, {0, height + width});
  return at::scaled_dot_product_attention(long_q, long_k, long_v, {}, 0.0, false, 1.0)
      .slice(-1, 0, v.size(-1));
}

/// On a CPU, without gradients: query rows in chunks whose scores stay in the second-level cache.
Tensor attend_in_chunks(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& bias_h,
                        const Tensor& bias_w, double scale, int64_t height, int64_t width) {
  constexpr int64_t kChunkElements = 128 * 1024;  // half a megabyte of scores
  const int64_t tokens = height * width, d = v.size(-1), pairs = q.size(0) * q.size(1);
  const Tensor qs = q.reshape({pairs, tokens, d}), ks = k.reshape({pairs, tokens, d}),
               vs = v.reshape({pairs, tokens, d});
  const Tensor hs = bias_h.reshape({pairs, tokens, height}),
               ws = bias_w.reshape({pairs, tokens, width});
  Tensor out = at::empty({pairs, tokens, d}, q.options());
  const int64_t chunk = std::clamp<int64_t>(kChunkElements / tokens, 1, tokens);
  const int64_t chunks = (tokens + chunk - 1) / chunk;
  torch_ops::torch_executor().parallel_for(pairs * chunks, [&](int64_t index, int) {
    const at::NoGradGuard no_grad;  // the mode is a thread's own
    const int64_t pair = index / chunks, begin = index % chunks * chunk;
    const int64_t rows = std::min(chunk, tokens - begin);
    const Tensor bias = (hs[pair].narrow(0, begin, rows).unsqueeze(2) +
                         ws[pair].narrow(0, begin, rows).unsqueeze(1))
                            .view({1, rows, tokens});
    const Tensor scores = at::baddbmm(bias, qs[pair].narrow(0, begin, rows).unsqueeze(0),
                                      ks[pair].t().unsqueeze(0), 1.0, scale);
    out[pair]
        .narrow(0, begin, rows)
        .copy_(at::bmm(at::softmax(scores, -1), vs[pair].unsqueeze(0))[0]);
  });
  return out.view_as(q);
}

}  // namespace

Tensor position_attention(const Tensor& q, const Tensor& k, const Tensor& v,
                          const Tensor& rel_pos_h, const Tensor& rel_pos_w, int64_t height,
                          int64_t width) {
  const double scale = 1.0 / std::sqrt(static_cast<double>(q.size(-1)));
  const Tensor grid = q.view({q.size(0), q.size(1), height, width, q.size(-1)});
  const Tensor bias_h = along_height(grid, rel_pos_h), bias_w = along_width(grid, rel_pos_w);
  const bool is_plain_cpu = q.device().is_cpu() && !at::GradMode::is_enabled();
  return is_plain_cpu ? attend_in_chunks(q, k, v, bias_h, bias_w, scale, height, width)
                      : attend_with_long_heads(q, k, v, bias_h, bias_w, scale, height, width);
}

}  // namespace tessera::segmentation
