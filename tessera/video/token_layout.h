// A token order on the device, for the transformer to lay its tokens out by.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include "tessera/attention/token_order.h"

namespace tessera::video {

/// Undefined tensors: raster order, nothing to be moved.
struct TokenLayout {
  at::Tensor raster_index;  // int32 [L], of the token laid out at a position
  at::Tensor position;      // int32 [L], of the token with a raster index
  int32_t id = 0;           // what a SkipState knows the order by

  /// `tokens`: [.., L, ..] with L at `dim`, in raster order -> laid out.
  at::Tensor lay_out(const at::Tensor& tokens, int64_t dim) const;

  /// The way back.
  at::Tensor put_back(const at::Tensor& tokens, int64_t dim) const;
};

/// Throws InvalidArgument as attention::make_token_order does.
TokenLayout make_token_layout(const attention::TokenOrderSpec& spec, at::Device device);

}  // namespace tessera::video
