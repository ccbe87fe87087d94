// The operator merges as the library does, bit for bit.
#include "tessera/torch_ops/merge_partials.h"

#include <ATen/Parallel.h>
#include <gtest/gtest.h>

#include "tessera/attention/merge_partials.h"
#include "tessera/core/error.h"
#include "tessera/torch_ops/attention.h"
#include "tessera/torch_ops/testing/problem_tensors.h"

namespace tessera::torch_ops::testing {
namespace {

using attention::testing::make_problem;
using attention::testing::Problem;

const attention::testing::ProblemSpec kSpec{
    .batch = 2, .q_len = 37, .kv_len = 150, .num_heads = 4, .num_kv_heads = 2, .head_dim = 24};

/// Answers over the keys [0, 64), [64, 130) and [130, 150).
std::vector<AttentionResult> answers(const Problem& problem) {
  std::vector<AttentionResult> parts;
  for (const auto& [begin, end] : {std::pair{0, 64}, {64, 130}, {130, 150}}) {
    parts.push_back(attention_forward(tensor_of(problem.q),
                                      tensor_of(problem.k).slice(1, begin, end),
                                      tensor_of(problem.v).slice(1, begin, end)));
  }
  return parts;
}

std::pair<std::vector<at::Tensor>, std::vector<at::Tensor>> lists_of(
    const std::vector<AttentionResult>& parts) {
  std::vector<at::Tensor> outs, lses;
  for (const auto& part : parts) {
    outs.push_back(part.out);
    lses.push_back(part.lse);
  }
  return {outs, lses};
}

TEST(MergePartialsOp, IsTheLibraryBitForBitOnTwoThreads) {
  const int threads = at::get_num_threads();
  at::set_num_threads(2);
  const Problem problem = make_problem(kSpec);
  auto [outs, lses] = lists_of(answers(problem));
  outs[1] = outs[1].to(at::kBFloat16);
  outs[2] = outs[2].transpose(1, 2).contiguous().transpose(1, 2);
  std::vector<attention::PartialAttention> parts;
  for (size_t i = 0; i < outs.size(); ++i) {
    attention::TensorView view{.data = outs[i].const_data_ptr(),
                               .dtype = i == 1 ? DType::kBFloat16 : DType::kFloat32};
    std::copy_n(outs[i].sizes().begin(), 4, view.shape.begin());
    std::copy_n(outs[i].strides().begin(), 4, view.strides.begin());
    parts.push_back({view, lses[i].const_data_ptr<float>()});
  }
  std::vector<float> out(outs[0].numel()), lse(lses[0].numel());
  const auto shape = parts[0].out.shape;
  attention::merge_partials(
      parts, {out.data(), DType::kFloat32, shape, attention::contiguous_strides(shape)},
      lse.data());
  const auto [got, got_lse] = merge_partials(outs, lses);
  at::set_num_threads(threads);
  EXPECT_EQ(floats_of(got), out);
  EXPECT_EQ(floats_of(got_lse), lse);
}

TEST(MergePartialsOp, GivesTheDtypeThatIsAskedFor) {
  const auto [outs, lses] = lists_of(answers(make_problem(kSpec)));
  const auto [rounded, lse] = merge_partials(outs, lses, at::kHalf);
  EXPECT_TRUE(at::equal(rounded, std::get<0>(merge_partials(outs, lses)).to(at::kHalf)));
  EXPECT_EQ(lse.scalar_type(), at::kFloat);
}

TEST(MergePartialsOp, TensorsWithoutMemoryGiveTheShapes) {
  auto [outs, lses] = lists_of(answers(make_problem(kSpec)));
  for (auto* list : {&outs, &lses}) {
    for (auto& tensor : *list) tensor = tensor.to(at::kMeta);
  }
  const auto [out, lse] = merge_partials(outs, lses, at::kBFloat16);
  EXPECT_TRUE(out.is_meta() && lse.is_meta());
  EXPECT_EQ(out.sizes(), outs[0].sizes());
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  EXPECT_EQ(lse.sizes(), lses[0].sizes());
}

class MergePartialsOpRefuses : public ::testing::Test {
 protected:
  std::string message() {
    return refusal<InvalidArgument>([&] { merge_partials(outs_, lses_); });
  }
  std::vector<at::Tensor> outs_ = {at::zeros({1, 5, 2, 8}), at::zeros({1, 5, 2, 8})};
  std::vector<at::Tensor> lses_ = {at::zeros({1, 2, 5}), at::zeros({1, 2, 5})};
};

TEST_F(MergePartialsOpRefuses, NoParts) {
  outs_.clear();
  EXPECT_EQ(message(), "[merge_partials] parts must hold at least one, got: none");
}

TEST_F(MergePartialsOpRefuses, AnOutWithoutAnLse) {
  lses_.pop_back();
  EXPECT_EQ(message(), "[merge_partials] there must be one lse for each out (2), got: 1");
}

TEST_F(MergePartialsOpRefuses, AnOutOfAnotherShape) {
  outs_[1] = at::zeros({1, 5, 2, 7});
  EXPECT_EQ(message(), "[merge_partials] out of part 1 must be [1, 5, 2, 8], got: [1, 5, 2, 7]");
  outs_[1] = at::zeros({5, 2, 8});
  EXPECT_EQ(message(), "[merge_partials] out of part 1 must be [B, L, H, D], got: [5, 2, 8]");
}

TEST_F(MergePartialsOpRefuses, AnLseOfAnotherShapeOrType) {
  lses_[0] = at::zeros({1, 5, 2});
  EXPECT_EQ(message(),
            "[merge_partials] lse of part 0 must be contiguous float32 [1, 2, 5] on the CPU, got: "
            "Float [1, 5, 2]");
  lses_[0] = at::zeros({1, 2, 5}, at::kHalf);
  EXPECT_EQ(message(),
            "[merge_partials] lse of part 0 must be contiguous float32 [1, 2, 5] on the CPU, got: "
            "Half [1, 2, 5]");
}

TEST_F(MergePartialsOpRefuses, AnOutThatRequiresAGradient) {
  outs_[0].requires_grad_();
  EXPECT_EQ(message(),
            "[merge_partials] out of part 0 requires a gradient, and merge_partials has none");
}

}  // namespace
}  // namespace tessera::torch_ops::testing
