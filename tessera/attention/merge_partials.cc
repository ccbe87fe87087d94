#include "tessera/attention/merge_partials.h"

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "tessera/attention/memory_span.h"
#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

constexpr float kMinusInfinity = -std::numeric_limits<float>::infinity();
constexpr const char* kName = "[merge_partials] ";

template <typename View>
void check_view(const std::string& name, const View& view, const std::array<int64_t, 4>& shape) {
  TESSERA_CHECK(view.data != nullptr, kName, name, " must be set, got: null");
  TESSERA_CHECK(view.dtype == DType::kFloat32 || view.dtype == DType::kFloat16 ||
                    view.dtype == DType::kBFloat16,
                kName, name, " must be fp32, fp16 or bf16, got: ", dtype_name(view.dtype));
  TESSERA_CHECK(view.shape == shape, kName, name, " must be ", text(shape),
                ", got: ", text(view.shape));
  TESSERA_CHECK(view.strides[3] == 1 || shape[3] == 1, kName, name,
                " must be contiguous in its last dimension, got stride: ", view.strides[3]);
  TESSERA_CHECK(has_sane_reach(view), kName, name,
                "'s strides must reach at most 2^58 elements, got: ", text(view.strides));
}

void check_memory(const PartialAttention& part, size_t index, const MutableTensorView& out,
                  const float* lse, int64_t rows) {
  const bool is_in_place =
      part.out.data == out.data && part.out.dtype == out.dtype && part.out.strides == out.strides;
  TESSERA_CHECK(is_in_place || !overlap(memory_span(part.out), memory_span(out)), kName,
                "out must be a part's out with its dtype and strides, or not overlap it, got: the "
                "memory of part ",
                index);
  TESSERA_CHECK(lse == nullptr || lse == part.lse ||
                    !overlap(memory_span(lse, rows), memory_span(part.lse, rows)),
                kName, "lse must be a part's lse or not overlap it, got: the memory of part ",
                index);
  TESSERA_CHECK(!overlap(memory_span(part.lse, rows), memory_span(out)), kName,
                "out must not overlap an lse, got: that of part ", index);
  TESSERA_CHECK(lse == nullptr || !overlap(memory_span(lse, rows), memory_span(part.out)), kName,
                "lse must not overlap an out, got: that of part ", index);
}

void check(std::span<const PartialAttention> parts, const MutableTensorView& out,
           const float* lse) {
  TESSERA_CHECK(!parts.empty(), kName, "parts must hold at least one, got: none");
  const auto& shape = out.shape;
  for (const int64_t size : shape) {
    TESSERA_CHECK(1 <= size && size <= 0x7fffffff, kName,
                  "every size must be in [1, 2^31), got: ", text(shape));
  }
  check_view("out", out, shape);
  for (int i = 0; i < 3; ++i) {
    TESSERA_CHECK(shape[i] == 1 || out.strides[i] != 0, kName,
                  "out must not have a stride of 0, got one in dimension: ", i);
  }
  const int64_t rows = shape[0] * shape[1] * shape[2];
  TESSERA_CHECK(lse == nullptr || !overlap(memory_span(lse, rows), memory_span(out)), kName,
                "out and lse must not overlap");
  for (size_t i = 0; i < parts.size(); ++i) {
    check_view(concat("out of part ", i), parts[i].out, shape);
    TESSERA_CHECK(parts[i].lse != nullptr, kName, "lse of part ", i, " must be set, got: null");
    check_memory(parts[i], i, out, lse, rows);
  }
}

/// sums += weight * part, one row.
void add(const TensorView& part, int64_t offset, int64_t head_dim, float weight, float* sums) {
  const auto add_values = [&](const auto* values, const auto& value_of) {
    for (int64_t d = 0; d < head_dim; ++d) sums[d] += weight * value_of(values[offset + d]);
  };
  if (part.dtype == DType::kFloat32) {
    add_values(static_cast<const float*>(part.data), [](float value) { return value; });
  } else if (part.dtype == DType::kBFloat16) {
    add_values(static_cast<const BFloat16*>(part.data), [](BFloat16 value) {
      return std::bit_cast<float>(static_cast<uint32_t>(value.bits) << 16);
    });
  } else {
    add_values(static_cast<const Float16*>(part.data),
               [](Float16 value) { return to_float(value); });
  }
}

void store(const MutableTensorView& out, int64_t offset, int64_t head_dim, const float* values) {
  for (int64_t d = 0; d < head_dim; ++d) {
    if (out.dtype == DType::kFloat32) {
      static_cast<float*>(out.data)[offset + d] = values[d];
    } else if (out.dtype == DType::kBFloat16) {
      static_cast<BFloat16*>(out.data)[offset + d] = to_bfloat16(values[d]);
    } else {
      static_cast<Float16*>(out.data)[offset + d] = to_float16(values[d]);
    }
  }
}

/// Shares of the parts in one row, which sum to 1, and the row's lse. fp64, so that a share is
/// right to fp32's last place however far the parts lie apart.
float shares_of_row(std::span<const PartialAttention> parts, int64_t row,
                    std::vector<float>& shares) {
  double max = kMinusInfinity, total = 0;
  for (const auto& part : parts) max = std::fmax(max, part.lse[row]);
  shares.assign(parts.size(), 0.0f);
  for (const auto& part : parts) {
    if (part.lse[row] != kMinusInfinity) total += std::exp(part.lse[row] - max);
  }
  if (total == 0) return kMinusInfinity;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].lse[row] == kMinusInfinity) continue;
    shares[i] = static_cast<float>(std::exp(parts[i].lse[row] - max) / total);
  }
  return static_cast<float>(max + std::log(total));
}

}  // namespace

void merge_partials(std::span<const PartialAttention> parts, const MutableTensorView& out,
                    float* lse, Executor* executor) {
  check(parts, out, lse);
  const int64_t batch = out.shape[0], q_len = out.shape[1], num_heads = out.shape[2],
                head_dim = out.shape[3];
  const auto offset = [&](const auto& view, int64_t b, int64_t token, int64_t head) {
    return b * view.strides[0] + token * view.strides[1] + head * view.strides[2];
  };
  const auto merge_head = [&](int64_t b, int64_t head) {
    std::vector<float> shares, sums(head_dim);
    for (int64_t token = 0; token < q_len; ++token) {
      const int64_t row = (b * num_heads + head) * q_len + token;
      const float merged = shares_of_row(parts, row, shares);
      std::fill(sums.begin(), sums.end(), 0.0f);
      for (size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].lse[row] == kMinusInfinity) continue;
        add(parts[i].out, offset(parts[i].out, b, token, head), head_dim, shares[i], sums.data());
      }
      store(out, offset(out, b, token, head), head_dim, sums.data());
      if (lse != nullptr) lse[row] = merged;
    }
  };
  Executor& threads = executor != nullptr ? *executor : serial_executor();
  threads.parallel_for(batch * num_heads, [&](int64_t index, int) {
    merge_head(index / num_heads, index % num_heads);
  });
}

}  // namespace tessera::attention
