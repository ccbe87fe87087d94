#include "tessera/video/wan/self_attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

namespace tessera::video {

at::Tensor torch_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
  return at::scaled_dot_product_attention(q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2))
      .transpose(1, 2);  // [B, Lq, H, D]
}

SelfAttention torch_self_attention() {
  return [](int64_t, const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) {
    return torch_attention(q, k, v);
  };
}

}  // namespace tessera::video
