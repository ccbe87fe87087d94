// Private: attention::make_token_order as an operator.
#pragma once

#include <string_view>
#include <tuple>

#include <ATen/core/Tensor.h>

namespace tessera::torch_ops {

inline constexpr char kTokenOrderSchema[] =
    "token_order(str kind, int frames, int height, int width, int[3] box=[4, 4, 8]) "
    "-> (Tensor raster_index, Tensor position, int id)";

/// int64 [L] both ways, on the CPU, and the number by which a state knows the order. Throws
/// InvalidArgument for an unknown kind or sizes outside their ranges.
std::tuple<at::Tensor, at::Tensor, int64_t> token_order(std::string_view kind, int64_t frames,
                                                        int64_t height, int64_t width,
                                                        at::IntArrayRef box);

}  // namespace tessera::torch_ops
