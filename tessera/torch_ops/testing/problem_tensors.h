// attention/testing's problems as tensors, so that both sides of a comparison read the same memory.
#pragma once

#include <string>

#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include "tessera/attention/testing/problem.h"
#include "tessera/torch_ops/attention.h"

namespace tessera::torch_ops::testing {

/// A tensor on the array's memory, with its strides; valid as long as the array.
inline at::Tensor tensor_of(const attention::testing::Array& array) {
  const attention::TensorView view = array.view();
  return at::from_blob(const_cast<void*>(view.data), view.shape, view.strides,
                       view.dtype == DType::kBFloat16 ? at::kBFloat16 : at::kFloat);
}

inline std::vector<float> floats_of(const at::Tensor& tensor) {
  const at::Tensor plain = tensor.to(at::kFloat).contiguous();
  return {plain.const_data_ptr<float>(), plain.const_data_ptr<float>() + plain.numel()};
}

/// The text of what `call` throws, of type Exception; a failure if it throws nothing of the kind.
template <typename Exception, typename Call>
std::string refusal(const Call& call) {
  try {
    call();
  } catch (const Exception& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was refused";
  return {};
}

}  // namespace tessera::torch_ops::testing
