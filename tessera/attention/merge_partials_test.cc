#include "tessera/attention/merge_partials.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/problem.h"
#include "tessera/attention/testing/tolerance.h"
#include "tessera/core/error.h"

namespace tessera::attention::testing {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr std::array<int64_t, 4> kShape = {2, 5, 3, 7};  // [B, Lq, Hq, D]
constexpr int64_t kRows = 2 * 3 * 5;

/// Owns one random answer, widely spread lse included.
struct Part {
  Array out;
  std::vector<float> lse;

  explicit Part(uint64_t seed, DType dtype = DType::kFloat32, bool is_heads_first = false,
                double spread = 3)
      : out(kShape, dtype, is_heads_first), lse(kRows) {
    Random random(seed);
    for (int64_t i = 0; i < kRows * 7; ++i) {
      out.set(i / 105, i / 21 % 5, i / 7 % 3, i % 7, static_cast<float>(random.normal()));
    }
    for (float& value : lse) value = static_cast<float>(spread * random.normal());
  }
  operator PartialAttention() const { return {out.view(), lse.data()}; }
};

struct Merged {
  std::vector<float> out = std::vector<float>(kRows * 7, -777.0f);
  std::vector<float> lse = std::vector<float>(kRows, -777.0f);

  MutableTensorView view() {
    return {out.data(), DType::kFloat32, kShape, contiguous_strides(kShape)};
  }
  float at(int64_t b, int64_t token, int64_t head, int64_t d) const {
    return out[((b * 5 + token) * 3 + head) * 7 + d];
  }
};

Merged merge(const std::vector<PartialAttention>& parts, Executor* executor = nullptr) {
  Merged merged;
  merge_partials(parts, merged.view(), merged.lse.data(), executor);
  return merged;
}

int64_t row_of(int64_t b, int64_t token, int64_t head) { return (b * 3 + head) * 5 + token; }

void expect_definition(const std::vector<Part>& parts, const Merged& got) {
  for (int64_t i = 0; i < kRows * 7; ++i) {
    const int64_t b = i / 105, token = i / 21 % 5, head = i / 7 % 3, d = i % 7;
    double total = 0, sum = 0, largest = 0;
    for (const Part& part : parts) {
      const double weight = std::exp(static_cast<double>(part.lse[row_of(b, token, head)]));
      total += weight;
      sum += weight * part.out.at(b, token, head, d);
      largest = std::max<double>(largest, std::abs(part.out.at(b, token, head, d)));
    }
    const double bound = (static_cast<double>(parts.size()) + 1) * 0x1p-24 * largest;
    const double want = sum / total, lse = std::log(total);
    ASSERT_NEAR(got.out[i], want, bound + 0x1p-24 * std::abs(want)) << i;
    ASSERT_NEAR(got.lse[row_of(b, token, head)], lse, 0x1.1p-24 * std::abs(lse)) << i;
  }
}

TEST(MergePartials, IsItsDefinition) {
  for (const double spread : {0.0, 1.0, 30.0}) {
    const std::vector<Part> parts = {Part(1, DType::kFloat32, false, spread),
                                     Part(2, DType::kBFloat16, true, spread),
                                     Part(3, DType::kFloat16, false, spread)};
    expect_definition(parts, merge({parts.begin(), parts.end()}));
  }
}

TEST(MergePartials, OnePartIsCopied) {
  const Part part(1);
  const Merged got = merge({part});
  EXPECT_EQ(got.lse, part.lse);
  EXPECT_EQ(got.at(1, 4, 2, 6), part.out.at(1, 4, 2, 6));
}

TEST(MergePartials, LogarithmsFarApartNeitherOverflowNorVanish) {
  Part heavy(1), light(2);
  for (float& lse : heavy.lse) lse = 3e4f;
  for (float& lse : light.lse) lse = -3e4f;
  const Merged got = merge({light, heavy});
  EXPECT_EQ(got.lse, heavy.lse);
  EXPECT_EQ(got.at(0, 3, 1, 2), heavy.out.at(0, 3, 1, 2));
}

TEST(MergePartials, RowsThatVisitedNothingDoNotCountWhateverTheyHold) {
  Part a(1), empty(2);
  empty.lse[row_of(0, 2, 1)] = -kInfinity;
  empty.out.set(0, 2, 1, 4, kNaN);
  const Merged got = merge({empty, a});
  EXPECT_EQ(got.lse[row_of(0, 2, 1)], a.lse[row_of(0, 2, 1)]);
  EXPECT_EQ(got.at(0, 2, 1, 4), a.out.at(0, 2, 1, 4));
}

TEST(MergePartials, ARowEmptyInAllPartsIsZeroWithLseMinusInfinity) {
  Part a(1), b(2);
  a.lse[row_of(1, 0, 2)] = b.lse[row_of(1, 0, 2)] = -kInfinity;
  const Merged got = merge({a, b});
  EXPECT_EQ(got.lse[row_of(1, 0, 2)], -kInfinity);
  for (int64_t d = 0; d < 7; ++d) EXPECT_EQ(got.at(1, 0, 2, d), 0.0f);
}

TEST(MergePartials, NotANumberSpoilsItsOwnRowOrElementAlone) {
  const Part a(1), clean(2);
  Part broken = clean;
  broken.lse[row_of(0, 1, 0)] = kNaN;
  broken.lse[row_of(0, 2, 0)] = kInfinity;
  broken.out.set(1, 1, 1, 3, kNaN);
  const Merged want = merge({a, clean}), got = merge({a, broken});
  for (int64_t i = 0; i < kRows * 7; ++i) {
    const int64_t b = i / 105, token = i / 21 % 5, head = i / 7 % 3, d = i % 7;
    const bool is_spoilt = (b == 0 && head == 0 && (token == 1 || token == 2)) ||
                           (b == 1 && token == 1 && head == 1 && d == 3);
    if (is_spoilt) {
      EXPECT_TRUE(std::isnan(got.out[i])) << i;
    } else {
      EXPECT_EQ(got.out[i], want.out[i]) << i;
    }
  }
  EXPECT_TRUE(std::isnan(got.lse[row_of(0, 1, 0)]));
  EXPECT_TRUE(std::isnan(got.lse[row_of(0, 2, 0)]));
  EXPECT_EQ(got.lse[row_of(1, 1, 1)], want.lse[row_of(1, 1, 1)]);
}

TEST(MergePartials, InPlaceGivesTheSameBits) {
  const Part a(1), b(2), c(3);
  const Merged want = merge({a, b, c});
  Merged got;
  merge_partials(std::vector<PartialAttention>{b}, got.view(), got.lse.data());
  const MutableTensorView out = got.view();
  const PartialAttention inside{{out.data, out.dtype, out.shape, out.strides}, got.lse.data()};
  merge_partials(std::vector<PartialAttention>{a, inside, c}, out, got.lse.data());
  EXPECT_EQ(got.out, want.out);
  EXPECT_EQ(got.lse, want.lse);
}

TEST(MergePartials, ThreadsDoNotChangeABit) {
  const Part a(1), b(2);
  const auto pool = make_thread_pool(3);
  EXPECT_EQ(merge({a, b}, pool.get()).out, merge({a, b}).out);
}

TEST(MergePartials, WritesAnyDtypeAndStrides) {
  const Part a(1), b(2);
  const Merged want = merge({a, b});
  std::vector<uint16_t> halves(kRows * 7);
  const std::array<int64_t, 4> heads_first = {105, 7, 35, 1};
  const std::vector<PartialAttention> parts = {a, b};
  for (const DType dtype : {DType::kBFloat16, DType::kFloat16}) {
    merge_partials(parts, {halves.data(), dtype, kShape, heads_first});
    for (int64_t i = 0; i < kRows * 7; ++i) {
      const int64_t at = i / 105 * 105 + i / 21 % 5 * 7 + i / 7 % 3 * 35 + i % 7;
      EXPECT_EQ(halves[at], half_bits(dtype, want.out[i])) << i;
    }
  }
}

/// Attention over keys [begin, end) of a problem alone.
Answer attend(const Problem& problem, int64_t begin, int64_t end) {
  Problem shard = problem;
  shard.spec.kv_len = end - begin;
  const auto cut = [&](const Array& whole) {
    Array part({1, end - begin, whole.view().shape[2], whole.view().shape[3]}, DType::kFloat32,
               false);
    for (int64_t t = begin; t < end; ++t) {
      for (int64_t h = 0; h < whole.view().shape[2]; ++h) {
        for (int64_t d = 0; d < whole.view().shape[3]; ++d) {
          part.set(0, t - begin, h, d, whole.at(0, t, h, d));
        }
      }
    }
    return part;
  };
  shard.k = cut(problem.k);
  shard.v = cut(problem.v);
  return run(shard, {}, {.backend = "cpu"});
}

TEST(MergePartials, ShardsOfTheKeysGiveTheAnswerOverAllKeys) {
  const ProblemSpec spec{.q_len = 37, .kv_len = 301, .num_heads = 4, .num_kv_heads = 2};
  const Problem problem = make_problem(spec);
  const std::array<int64_t, 4> shape = {1, 37, 4, 16};
  std::vector<Answer> shards;
  std::vector<PartialAttention> parts;
  for (const auto& [begin, end] : {std::pair(0, 1), {1, 129}, {129, 301}}) {
    shards.push_back(attend(problem, begin, end));
  }
  for (const Answer& shard : shards) {
    parts.push_back(
        {{shard.out.data(), DType::kFloat32, shape, contiguous_strides(shape)}, shard.lse.data()});
  }
  std::vector<float> out(37 * 4 * 16), lse(37 * 4);
  merge_partials(parts, {out.data(), DType::kFloat32, shape, contiguous_strides(shape)},
                 lse.data());
  const Answer want = run(problem, {}, {.backend = "reference"});
  const Tolerance t = forward_tolerance(problem);
  double largest_lse = 0;
  for (const float value : want.lse) largest_lse = std::max<double>(largest_lse, std::abs(value));
  // Eq. 8: the parts' own errors, their weights' errors, and the merging.
  const double absolute =
      t.out_absolute +
      problem.v.max_abs() * (2 * (t.lse_absolute + 0x1p-24 * largest_lse) + (3 + 1) * 0x1p-24);
  for (size_t i = 0; i < out.size(); ++i) {
    ASSERT_NEAR(out[i], want.out[i], absolute + 0x1p-23 * std::abs(want.out[i])) << i;
  }
  for (size_t i = 0; i < lse.size(); ++i) {
    ASSERT_NEAR(lse[i], want.lse[i], t.lse_absolute + 3 * 0x1p-24 * std::abs(want.lse[i])) << i;
  }
}

std::string refusal(const std::vector<PartialAttention>& parts, const MutableTensorView& out,
                    float* lse = nullptr) {
  try {
    merge_partials(parts, out, lse);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(MergePartials, RefusesWhatBreaksARule) {
  const Part a(1);
  Merged to;
  EXPECT_EQ(refusal({}, to.view()), "[merge_partials] parts must hold at least one, got: none");
  PartialAttention part = a;
  part.lse = nullptr;
  EXPECT_EQ(refusal({a, part}, to.view()), "[merge_partials] lse of part 1 must be set, got: null");
  part = a;
  part.out.shape[1] = 4;
  EXPECT_EQ(refusal({part}, to.view()),
            "[merge_partials] out of part 0 must be [2, 5, 3, 7], got: [2, 4, 3, 7]");
  part = a;
  part.out.dtype = DType::kInt32;
  EXPECT_EQ(refusal({part}, to.view()),
            "[merge_partials] out of part 0 must be fp32, fp16 or bf16, got: int32");
  part = a;
  part.out.strides[3] = 2;
  EXPECT_EQ(refusal({part}, to.view()),
            "[merge_partials] out of part 0 must be contiguous in its last dimension, got stride: "
            "2");
  MutableTensorView nowhere = to.view();
  nowhere.data = nullptr;
  EXPECT_EQ(refusal({a}, nowhere), "[merge_partials] out must be set, got: null");
}

TEST(MergePartials, RefusesMemoryThatOverlapsInAnyOtherWayThanInPlace) {
  std::vector<float> memory(kRows * 7 + 3), lse(2 * kRows);
  const TensorView in{memory.data(), DType::kFloat32, kShape, contiguous_strides(kShape)};
  MutableTensorView out{memory.data() + 3, DType::kFloat32, kShape, contiguous_strides(kShape)};
  EXPECT_EQ(refusal({{in, lse.data()}}, out),
            "[merge_partials] out must be a part's out with its dtype and strides, or not overlap "
            "it, got: the memory of part 0");
  out.data = memory.data();
  EXPECT_EQ(refusal({{in, lse.data()}}, out, lse.data() + 1),
            "[merge_partials] lse must be a part's lse or not overlap it, got: the memory of part "
            "0");
  EXPECT_EQ(refusal({{in, lse.data()}}, out, memory.data()),
            "[merge_partials] out and lse must not overlap");
  EXPECT_EQ(refusal({{in, lse.data()}}, out, lse.data()), "accepted");
}

}  // namespace
}  // namespace tessera::attention::testing
