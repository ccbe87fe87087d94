// Arrays whose elements lie more than 2^31 apart: offsets must be computed in 64 bits.
#include <cstring>
#include <memory>

#include <sys/mman.h>

#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/merge_partials.h"
#include "tessera/attention/testing/backend_case.h"
#include "tessera/attention/testing/problem.h"

namespace tessera::attention::testing {
namespace {

constexpr int64_t kFar = (int64_t{1} << 31) + 64;  // elements

/// Address space, of which only touched pages take memory.
class SparseMemory {
 public:
  explicit SparseMemory(int64_t bytes)
      : bytes_(static_cast<size_t>(bytes)),
        data_(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)) {}
  ~SparseMemory() {
    if (*this) munmap(data_, bytes_);
  }
  SparseMemory(const SparseMemory&) = delete;
  SparseMemory& operator=(const SparseMemory&) = delete;
  explicit operator bool() const { return data_ != MAP_FAILED; }
  std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  size_t bytes_;
  void* data_;
};

int64_t bytes_per_element(DType dtype) { return dtype == DType::kFloat32 ? 4 : 2; }

/// Spreads dimension `far` of a view's array over memory, kFar elements from one to the next.
class FarArray {
 public:
  FarArray(const TensorView& from, int far)
      : dtype_(from.dtype),
        shape_(from.shape),
        strides_(contiguous_strides(from.shape)),
        memory_(from.shape[far] * kFar * bytes_per_element(from.dtype)) {
    strides_[far] = kFar;
    if (!memory_) return;
    for_each_row([&](const auto& offset_in) {
      std::memcpy(at(offset_in(strides_)),
                  static_cast<const std::byte*>(from.data) +
                      offset_in(from.strides) * bytes_per_element(dtype_),
                  row_bytes());
    });
  }
  explicit operator bool() const { return static_cast<bool>(memory_); }
  TensorView view() const { return {memory_.data(), dtype_, shape_, strides_}; }
  MutableTensorView mutable_view() const { return {memory_.data(), dtype_, shape_, strides_}; }

  /// The rows one behind another.
  std::vector<std::byte> gathered() const {
    std::vector<std::byte> all;
    for_each_row([&](const auto& offset_in) {
      const std::byte* row = at(offset_in(strides_));
      all.insert(all.end(), row, row + row_bytes());
    });
    return all;
  }

 private:
  size_t row_bytes() const { return static_cast<size_t>(shape_[3] * bytes_per_element(dtype_)); }
  std::byte* at(int64_t offset) const {
    return memory_.data() + offset * bytes_per_element(dtype_);
  }
  template <typename Visit>
  void for_each_row(const Visit& visit) const {
    for (int64_t b = 0; b < shape_[0]; ++b)
      for (int64_t token = 0; token < shape_[1]; ++token)
        for (int64_t head = 0; head < shape_[2]; ++head)
          visit([&](const std::array<int64_t, 4>& strides) {
            return b * strides[0] + token * strides[1] + head * strides[2];
          });
  }

  DType dtype_;
  std::array<int64_t, 4> shape_, strides_;
  SparseMemory memory_;
};

/// One far dimension: 0 batch, 1 tokens, 2 heads.
class HugeStrides : public ::testing::TestWithParam<std::tuple<BackendCase, int>> {
 protected:
  RunOptions options() const { return {.backend = std::get<0>(GetParam()).backend}; }
  int far() const { return std::get<1>(GetParam()); }

 private:
  ForcedCase forced_{std::get<0>(GetParam())};
};

std::string huge_case_name(const ::testing::TestParamInfo<std::tuple<BackendCase, int>>& info) {
  constexpr const char* kNames[] = {"_Batch", "_Tokens", "_Heads"};
  return case_name({std::get<0>(info.param), info.index}) + kNames[std::get<1>(info.param)];
}

INSTANTIATE_TEST_SUITE_P(All, HugeStrides,
                         ::testing::Combine(::testing::ValuesIn(backend_cases()),
                                            ::testing::Values(0, 1, 2)),
                         huge_case_name);

TEST_P(HugeStrides, GiveTheBitsOfDenseMemory) {
  const ProblemSpec spec{.batch = 2,
                         .q_len = 19,
                         .kv_len = 37,
                         .num_heads = 2,
                         .num_kv_heads = 2,
                         .kv_lengths = {37, 21}};
  const Problem problem = make_problem(spec);
  const AttentionProblem near = problem.view();
  const std::array<int64_t, 4> shape = {2, 19, 2, 16};
  const int64_t size = bytes_per_element(near.q.dtype);
  const std::vector<std::byte> blank(2 * 19 * 2 * 16 * size);
  std::vector<std::byte> want = blank;
  const TensorView empty{blank.data(), near.q.dtype, shape, contiguous_strides(shape)};
  const FarArray q(near.q, far()), k(near.k, far()), v(near.v, far()), out(empty, far());
  if (!q || !k || !v || !out)
    GTEST_SKIP() << "this machine grants no address space beyond its memory";

  AttentionProblem spread = near;
  spread.q = q.view();
  spread.k = k.view();
  spread.v = v.view();
  SkipState state(state_shape_for(spec, {16, 16})), other(state_shape_for(spec, {16, 16}));
  state.begin(2);
  other.begin(2);
  const SkipStateView view = state.view(), other_view = other.view();
  const SkipRequest skip{.state = &view, .policy = MassPolicy{.budget = 0.2}};
  SkipRequest other_skip = skip;
  other_skip.state = &other_view;
  for (int step = 0; step < 2; ++step) {
    attention_forward(near, {{want.data(), near.q.dtype, shape, contiguous_strides(shape)}}, skip,
                      options());
    attention_forward(spread, {out.mutable_view()}, other_skip, options());
    EXPECT_EQ(out.gathered(), want);
  }
  EXPECT_EQ(kept_tiles(other_view), kept_tiles(view));
  EXPECT_LT(kept_tiles(view), 2 * 2 * 2 * 3);
}

TEST(HugeStridesOfParts, MergeToTheBitsOfDenseMemory) {
  const Problem problem =
      make_problem({.q_len = 5, .kv_len = 8, .num_heads = 2, .num_kv_heads = 2});
  const TensorView near = problem.view().q;
  const FarArray part(near, 1), out(near, 1);
  if (!part || !out) GTEST_SKIP() << "this machine grants no address space beyond its memory";
  const std::vector<float> lse(10, 0.5f);
  std::vector<float> want(5 * 2 * 16);
  merge_partials(std::vector<PartialAttention>{{near, lse.data()}, {near, lse.data()}},
                 {want.data(), near.dtype, near.shape, contiguous_strides(near.shape)}, nullptr);
  merge_partials(
      std::vector<PartialAttention>{{part.view(), lse.data()}, {part.view(), lse.data()}},
      out.mutable_view(), nullptr);
  const auto* bytes = reinterpret_cast<const std::byte*>(want.data());
  EXPECT_EQ(out.gathered(), std::vector<std::byte>(bytes, bytes + want.size() * 4));
}

}  // namespace
}  // namespace tessera::attention::testing
