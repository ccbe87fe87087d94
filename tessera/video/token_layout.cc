#include "tessera/video/token_layout.h"

#include <algorithm>

#include <ATen/ops/empty.h>
#include <ATen/ops/index_select.h>

namespace tessera::video {
namespace {

at::Tensor to_tensor(const std::vector<int32_t>& values, at::Device device) {
  auto tensor = at::empty({static_cast<int64_t>(values.size())}, at::kInt);
  std::copy(values.begin(), values.end(), tensor.mutable_data_ptr<int32_t>());
  return tensor.to(device);
}

at::Tensor select(const at::Tensor& tokens, int64_t dim, const at::Tensor& index) {
  return index.defined() ? at::index_select(tokens, dim, index) : tokens;
}

}  // namespace

at::Tensor TokenLayout::lay_out(const at::Tensor& tokens, int64_t dim) const {
  return select(tokens, dim, raster_index);
}

at::Tensor TokenLayout::put_back(const at::Tensor& tokens, int64_t dim) const {
  return select(tokens, dim, position);
}

TokenLayout make_token_layout(const attention::TokenOrderSpec& spec, at::Device device) {
  TokenLayout layout;
  layout.id = attention::token_order_id(spec);
  if (spec.kind == attention::TokenOrderKind::kRaster) return layout;
  const auto order = attention::make_token_order(spec);
  layout.raster_index = to_tensor(order.raster_index, device);
  layout.position = to_tensor(order.position, device);
  return layout;
}

}  // namespace tessera::video
