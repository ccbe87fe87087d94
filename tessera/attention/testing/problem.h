// Problems for tests: random, but with a structure that is worth skipping.
#pragma once

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include "tessera/attention/attention.h"
#include "tessera/core/random.h"

namespace tessera::attention::testing {

struct ProblemSpec {
  int64_t batch = 1, q_len = 64, kv_len = 64, num_heads = 1, num_kv_heads = 1, head_dim = 16;
  DType dtype = DType::kFloat32;
  std::vector<int64_t> kv_lengths = {};
  std::optional<double> scale = {};
  /// Span of the tiles' typical logits, natural-log units. 0 is unstructured noise.
  double contrast = 14;
  int64_t block = 16;  ///< keys that share a strength; the kv tile, usually
  /// All values multiples of 1/8, few bits: every score is exact in fp32 in any order.
  bool is_dyadic = false;
  /// Memory order [B, H, L, D] instead of [B, L, H, D].
  bool is_heads_first = false;
  /// The weights are rounded to bf16 before they meet the values (back end cpu_bf16).
  bool rounds_weights = false;
  uint64_t seed = 1;
};

/// While set, every problem is made for cpu_bf16, whatever dtype its spec names: so one suite runs
/// on all back ends. Set by the fixtures.
inline bool& makes_bf16_problems() {
  static bool value = false;
  return value;
}

/// A 16-bit element as stored, and what it holds.
inline uint16_t half_bits(DType dtype, float value) {
  return dtype == DType::kBFloat16 ? to_bfloat16(value).bits : to_float16(value).bits;
}
inline float half_value(DType dtype, uint16_t bits) {
  return dtype == DType::kBFloat16 ? to_float(BFloat16{bits}) : to_float(Float16{bits});
}
inline bool is_half(DType dtype) { return dtype != DType::kFloat32; }

/// Strides of [B, L, H, D], or of [B, H, L, D] read as that, with `gap` elements after each head.
inline std::array<int64_t, 4> gapped_strides(const std::array<int64_t, 4>& shape,
                                             bool is_heads_first, int64_t gap) {
  const int64_t width = shape[3] + gap;
  if (is_heads_first) return {shape[1] * shape[2] * width, width, shape[1] * width, 1};
  return {shape[1] * shape[2] * width, shape[2] * width, width, 1};
}

/// One input array with its values in fp32, exactly those that the stored dtype holds. The gaps
/// after each token's head, where there are any, hold NaN.
class Array {
 public:
  Array(const std::array<int64_t, 4>& shape, DType dtype, bool is_heads_first, int64_t gap = 0)
      : shape_(shape),
        dtype_(dtype),
        strides_(gapped_strides(shape, is_heads_first, gap)),
        width_(shape[3] + gap) {
    const int64_t count = shape[0] * shape[1] * shape[2] * width_;
    values_.resize(count);
    if (is_half(dtype)) halves_.resize(count);
    for (int64_t i = 0; gap > 0 && i < count; ++i) {
      if (i % width_ >= shape[3]) set_at(i, NAN);
    }
  }

  int64_t index(int64_t b, int64_t token, int64_t head, int64_t d) const {
    return b * strides_[0] + token * strides_[1] + head * strides_[2] + d;
  }
  float at(int64_t b, int64_t token, int64_t head, int64_t d) const {
    return values_[index(b, token, head, d)];
  }
  void set(int64_t b, int64_t token, int64_t head, int64_t d, float value) {
    set_at(index(b, token, head, d), value);
  }
  const std::array<int64_t, 4>& shape() const { return shape_; }
  TensorView view() const {
    const void* data = is_half(dtype_) ? static_cast<const void*>(halves_.data())
                                       : static_cast<const void*>(values_.data());
    return {data, dtype_, shape_, strides_};
  }

  /// Largest Euclidean norm of a token's head.
  double max_norm() const {
    double largest = 0;
    for (size_t first = 0; first < values_.size(); first += width_) {
      double sum = 0;
      for (int64_t d = 0; d < shape_[3]; ++d) sum += std::pow(values_[first + d], 2);
      largest = std::max(largest, sum);
    }
    return std::sqrt(largest);
  }
  double max_abs() const {
    double largest = 0;
    for (size_t i = 0; i < values_.size(); ++i) {
      if (static_cast<int64_t>(i) % width_ >= shape_[3]) continue;
      largest = std::max<double>(largest, std::abs(values_[i]));
    }
    return largest;
  }

 private:
  void set_at(int64_t i, float value) {
    values_[i] = value;
    if (!is_half(dtype_)) return;
    halves_[i] = half_bits(dtype_, value);
    values_[i] = half_value(dtype_, halves_[i]);
  }

  std::array<int64_t, 4> shape_;
  DType dtype_;
  std::array<int64_t, 4> strides_;
  int64_t width_;
  std::vector<float> values_;
  std::vector<uint16_t> halves_;
};

struct Problem {
  ProblemSpec spec;
  Array q, k, v;

  AttentionProblem view() const {
    return {.q = q.view(),
            .k = k.view(),
            .v = v.view(),
            .kv_lengths = spec.kv_lengths,
            .scale = spec.scale};
  }
  double scale() const {
    return spec.scale.value_or(1.0 / std::sqrt(static_cast<double>(spec.head_dim)));
  }
  int64_t kv_length(int64_t b) const {
    return spec.kv_lengths.empty() ? spec.kv_len : spec.kv_lengths[b];
  }
};

/// Every head has a direction u. Queries are u plus noise; the keys of one block are strength * u
/// plus noise, the strength uniform in [0, 1] and scaled so that a block's logits span `contrast`.
/// So at a threshold of half the contrast about half the blocks can be dropped, at all margins.
/// `drift` moves the noise, as one denoising step moves a video's activations.
inline Problem make_problem(ProblemSpec spec, double drift = 0) {
  if (makes_bf16_problems()) {
    spec.dtype = DType::kBFloat16;
    spec.rounds_weights = true;
  }
  const std::array<int64_t, 4> q_shape = {spec.batch, spec.q_len, spec.num_heads, spec.head_dim};
  const std::array<int64_t, 4> k_shape = {spec.batch, spec.kv_len, spec.num_kv_heads,
                                          spec.head_dim};
  Problem p{spec, Array(q_shape, spec.dtype, spec.is_heads_first),
            Array(k_shape, spec.dtype, spec.is_heads_first),
            Array(k_shape, spec.dtype, spec.is_heads_first)};
  Random random(spec.seed), steps(spec.seed + 1000);
  const auto round = [&](double x) {
    return static_cast<float>(spec.is_dyadic ? std::round(x * 8) / 8 : x);
  };
  const auto noise = [&] { return 0.3 * (random.normal() + drift * steps.normal()); };
  // |u|^2 * scale * amplitude^2 = contrast, |u|^2 = D
  const double amplitude = std::sqrt(spec.contrast / (p.scale() * spec.head_dim));
  const int64_t group = spec.num_heads / spec.num_kv_heads;
  for (int64_t b = 0; b < spec.batch; ++b) {
    for (int64_t h = 0; h < spec.num_kv_heads; ++h) {
      std::vector<double> u(spec.head_dim);
      for (double& x : u) x = random.below(2) == 0 ? amplitude : -amplitude;
      for (int64_t t = 0; t < spec.q_len; ++t) {
        for (int64_t g = 0; g < group; ++g) {
          for (int64_t d = 0; d < spec.head_dim; ++d) {
            p.q.set(b, t, h * group + g, d, round(u[d] + noise()));
          }
        }
      }
      double strength = 0;
      for (int64_t t = 0; t < spec.kv_len; ++t) {
        if (t % spec.block == 0) strength = random.uniform();
        for (int64_t d = 0; d < spec.head_dim; ++d) {
          p.k.set(b, t, h, d, round(strength * u[d] + noise()));
          p.v.set(b, t, h, d, round(random.normal()));
        }
      }
    }
  }
  return p;
}

inline void widen(DType dtype, const std::vector<uint16_t>& from, std::vector<float>& to) {
  std::transform(from.begin(), from.end(), to.begin(),
                 [&](uint16_t bits) { return half_value(dtype, bits); });
}

/// The answer of one call, output widened to fp32.
struct Answer {
  std::vector<float> out;        // [B, Lq, Hq, D]
  std::vector<float> lse;        // [B, Hq, Lq]
  std::vector<float> row_max;    // [B, Hq, Lq]
  std::vector<float> tile_mass;  // [B, Hq, Tq, Tk] under the policy mass, else empty
  AttentionReport report;
};

inline Answer run(const Problem& problem, const SkipRequest& skip = {},
                  const RunOptions& options = {}) {
  const auto& spec = problem.spec;
  Answer answer{
      .out = std::vector<float>(spec.batch * spec.q_len * spec.num_heads * spec.head_dim, -777.0f),
      .lse = std::vector<float>(spec.batch * spec.num_heads * spec.q_len, -777.0f),
      .row_max = std::vector<float>(spec.batch * spec.num_heads * spec.q_len, -777.0f),
      .tile_mass = {},
      .report = {}};
  if (std::holds_alternative<MassPolicy>(skip.policy)) {
    TileGeometry tile = kCpuTileGeometry;
    if (skip.state != nullptr) tile = attention::state_shape(*skip.state).geometry;
    answer.tile_mass.resize(spec.batch * spec.num_heads * tile_count(spec.q_len, tile.q_tile) *
                            tile_count(spec.kv_len, tile.kv_tile));
  }
  const std::array<int64_t, 4> shape = {spec.batch, spec.q_len, spec.num_heads, spec.head_dim};
  std::vector<uint16_t> halves(answer.out.size());
  void* data = is_half(spec.dtype) ? static_cast<void*>(halves.data()) : answer.out.data();
  answer.report =
      attention_forward(problem.view(),
                        {.out = {data, spec.dtype, shape, contiguous_strides(shape)},
                         .lse = answer.lse.data(),
                         .row_max = answer.row_max.data(),
                         .tile_mass = answer.tile_mass.empty() ? nullptr : answer.tile_mass.data()},
                        skip, options);
  if (is_half(spec.dtype)) widen(spec.dtype, halves, answer.out);
  return answer;
}

/// The output alone, in `count` elements of the problem's dtype laid out by `strides`; what is not
/// written stays -5.
inline std::vector<float> run_strided(const Problem& problem, std::array<int64_t, 4> strides,
                                      int64_t count, const RunOptions& options) {
  const auto& spec = problem.spec;
  std::vector<float> out(count, -5.0f);
  std::vector<uint16_t> halves(count, half_bits(spec.dtype, -5.0f));
  void* data = is_half(spec.dtype) ? static_cast<void*>(halves.data()) : out.data();
  const std::array<int64_t, 4> shape = {spec.batch, spec.q_len, spec.num_heads, spec.head_dim};
  attention_forward(problem.view(), {{data, spec.dtype, shape, strides}}, {}, options);
  if (is_half(spec.dtype)) widen(spec.dtype, halves, out);
  return out;
}

inline SkipStateShape state_shape_for(const ProblemSpec& spec, TileGeometry geometry) {
  return {.batch = spec.batch,
          .num_heads = spec.num_heads,
          .q_len = spec.q_len,
          .kv_len = spec.kv_len,
          .geometry = geometry};
}

}  // namespace tessera::attention::testing
