// Private: which bytes a view reaches, so that overlaps can be refused.
#pragma once

#include <functional>

#include "tessera/attention/tensor_view.h"

namespace tessera::attention {

/// First byte and end; gaps between the elements count as part of it.
struct MemorySpan {
  const char* begin;
  const char* end;
};

template <typename View>
MemorySpan memory_span(const View& view) {
  int64_t low = 0, high = 1;
  for (int i = 0; i < 4; ++i) {
    const int64_t reach = (view.shape[i] - 1) * view.strides[i];
    (reach < 0 ? low : high) += reach;
  }
  const auto bytes = static_cast<int64_t>(dtype_bytes(view.dtype));
  const auto* data = static_cast<const char*>(view.data);
  return {data + low * bytes, data + high * bytes};
}

inline MemorySpan memory_span(const float* data, int64_t count) {
  return {reinterpret_cast<const char*>(data), reinterpret_cast<const char*>(data + count)};
}

inline bool overlap(const MemorySpan& a, const MemorySpan& b) {
  // std::less compares pointers into different arrays too.
  const std::less<const char*> before;
  return before(a.begin, b.end) && before(b.begin, a.end);
}

}  // namespace tessera::attention
