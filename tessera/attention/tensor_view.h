// Views of the caller's four-dimensional arrays; they own nothing.
#pragma once

#include <array>
#include <cstdint>

#include "tessera/core/dtype.h"

namespace tessera::attention {

/// A read-only array. Strides count elements, not bytes; a stride may be 0 (broadcast).
struct TensorView {
  const void* data = nullptr;
  DType dtype = DType::kFloat32;
  std::array<int64_t, 4> shape = {};
  std::array<int64_t, 4> strides = {};
};

/// The same, to be written; no two elements may share memory.
struct MutableTensorView {
  void* data = nullptr;
  DType dtype = DType::kFloat32;
  std::array<int64_t, 4> shape = {};
  std::array<int64_t, 4> strides = {};
};

/// The strides of an array without gaps, last dimension fastest.
constexpr std::array<int64_t, 4> contiguous_strides(const std::array<int64_t, 4>& shape) {
  return {shape[1] * shape[2] * shape[3], shape[2] * shape[3], shape[3], 1};
}

}  // namespace tessera::attention
