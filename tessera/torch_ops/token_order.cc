#include "tessera/torch_ops/token_order.h"

#include <algorithm>
#include <vector>

#include <ATen/ops/empty.h>

#include "tessera/attention/token_order.h"
#include "tessera/core/error.h"

namespace tessera::torch_ops {
namespace {

/// Torch indexes by 64 bits.
at::Tensor indices_of(const std::vector<int32_t>& indices) {
  at::Tensor tensor = at::empty({static_cast<int64_t>(indices.size())}, at::kLong);
  std::copy(indices.begin(), indices.end(), tensor.mutable_data_ptr<int64_t>());
  return tensor;
}

}  // namespace

std::tuple<at::Tensor, at::Tensor, int64_t> token_order(std::string_view kind, int64_t frames,
                                                        int64_t height, int64_t width,
                                                        at::IntArrayRef box) {
  TESSERA_CHECK(box.size() == 3,
                "[token_order] box must have the extents of t, y and x, got: ", box.size(),
                " numbers");
  const attention::TokenOrderSpec spec{.kind = attention::token_order_kind(kind),
                                       .grid = {frames, height, width},
                                       .box = {box[0], box[1], box[2]}};
  const auto order = attention::make_token_order(spec);
  return {indices_of(order.raster_index), indices_of(order.position),
          attention::token_order_id(spec)};
}

}  // namespace tessera::torch_ops
