// Private: which bytes a view reaches, so that overlaps can be refused.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <string>

#include "tessera/attention/tensor_view.h"
#include "tessera/core/error.h"

namespace tessera::attention {

/// Of a shape or strides, for messages.
inline std::string text(const std::array<int64_t, 4>& numbers) {
  return concat("[", numbers[0], ", ", numbers[1], ", ", numbers[2], ", ", numbers[3], "]");
}

/// First byte and end; gaps between the elements count as part of it.
struct MemorySpan {
  const char* begin;
  const char* end;
};

/// Elements that a view's memory may stretch over in one dimension, so that offsets are numbers.
inline constexpr int64_t kMostReach = int64_t{1} << 58;

/// `shape` >= 1.
template <typename View>
bool has_sane_reach(const View& view) {
  for (int i = 0; i < 4; ++i) {
    const int64_t most = kMostReach / std::max<int64_t>(view.shape[i] - 1, 1);
    if (view.strides[i] > most || view.strides[i] < -most) return false;
  }
  return true;
}

/// Of a view with a sane reach.
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
