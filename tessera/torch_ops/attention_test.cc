// The operator's answers: against Torch's attention, and against the library on the same memory.
#include "tessera/torch_ops/attention.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <gtest/gtest.h>

#include "tessera/attention/cpu/kernels.h"
#include "tessera/attention/testing/tolerance.h"
#include "tessera/testing/close_to.h"
#include "tessera/torch_ops/testing/problem_tensors.h"

namespace tessera::torch_ops::testing {
namespace {

using attention::testing::forward_tolerance;
using attention::testing::make_problem;
using attention::testing::Problem;
using attention::testing::ProblemSpec;
using tessera::testing::close_to;

/// Torch's own attention over the same numbers in fp64, [B, Lq, Hq, D].
std::vector<double> torch_attention(const Problem& problem) {
  const int64_t group = problem.spec.num_heads / problem.spec.num_kv_heads;
  const auto heads_first = [](const attention::testing::Array& array, int64_t repeats) {
    return tensor_of(array).to(at::kDouble).repeat_interleave(repeats, 2).transpose(1, 2);
  };
  const at::Tensor out =
      at::scaled_dot_product_attention(heads_first(problem.q, 1), heads_first(problem.k, group),
                                       heads_first(problem.v, group))
          .transpose(1, 2)
          .contiguous();
  return {out.const_data_ptr<double>(), out.const_data_ptr<double>() + out.numel()};
}

struct Case {
  const char* name;
  ProblemSpec spec;

  friend void PrintTo(const Case& value, std::ostream* stream) { *stream << value.name; }
};

const Case kCases[] = {
    {"Float32", {.q_len = 150, .kv_len = 200, .num_heads = 2, .num_kv_heads = 2, .head_dim = 64}},
    {"BFloat16",
     {.q_len = 150,
      .kv_len = 200,
      .num_heads = 2,
      .num_kv_heads = 2,
      .head_dim = 64,
      .dtype = DType::kBFloat16}},
    {"Strided",
     {.batch = 2,
      .q_len = 70,
      .kv_len = 90,
      .num_heads = 3,
      .num_kv_heads = 3,
      .is_heads_first = true}},
    {"StridedBFloat16",
     {.batch = 2,
      .q_len = 70,
      .kv_len = 90,
      .num_heads = 3,
      .num_kv_heads = 3,
      .dtype = DType::kBFloat16,
      .is_heads_first = true}},
    {"Grouped", {.batch = 2, .q_len = 70, .kv_len = 90, .num_heads = 6, .num_kv_heads = 2}},
};

class AttentionOpCases : public ::testing::TestWithParam<Case> {};

TEST_P(AttentionOpCases, DenseAnswersEqualTorchs) {
  ProblemSpec spec = GetParam().spec;
  // The back end that is chosen by itself.
  spec.rounds_weights = spec.dtype == DType::kBFloat16 && attention::cpu::bf16_is_supported();
  const Problem problem = make_problem(spec);
  const auto got =
      attention_forward(tensor_of(problem.q), tensor_of(problem.k), tensor_of(problem.v));
  const auto bound = forward_tolerance(problem);
  EXPECT_TRUE(close_to<double>(floats_of(got.out), torch_attention(problem), bound.out_absolute,
                               bound.out_relative));
  EXPECT_EQ(got.out.scalar_type(), tensor_of(problem.q).scalar_type());
}

INSTANTIATE_TEST_SUITE_P(All, AttentionOpCases, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return info.param.name; });

const ProblemSpec kStepsSpec{.batch = 2,
                             .q_len = 90,
                             .kv_len = 500,
                             .num_heads = 2,
                             .num_kv_heads = 1,
                             .kv_lengths = {500, 300}};

/// The operator with every argument of the library's request that has a Torch form.
AttentionResult run_operator(const Problem& problem, SkipStateTensors& state, AttentionCall call) {
  call.kv_lengths = at::tensor(problem.spec.kv_lengths, at::kLong);
  return attention_forward(tensor_of(problem.q), tensor_of(problem.k), tensor_of(problem.v), &state,
                           call);
}

TEST(AttentionOp, IsTheLibraryBitForBitOverThreeStepsOnTwoThreads) {
  const int threads = at::get_num_threads();
  at::set_num_threads(2);
  const auto shape = attention::testing::state_shape_for(kStepsSpec, {16, 16});
  SkipStateTensors state = make_skip_state(shape);
  begin_generation(state, 3);
  SkipStateTensors truth{state.bits.clone(), state.spent.clone(), state.header.clone(), {}, {}};
  const auto truth_view = view_of(truth);
  for (int step = 0; step < 3; ++step) {
    const Problem problem = make_problem(kStepsSpec, 0.1 * step);
    const auto got = run_operator(problem, state, {});
    const auto want = attention::testing::run(problem, {.state = &truth_view});
    EXPECT_EQ(floats_of(got.out), want.out);
    EXPECT_EQ(floats_of(got.lse), want.lse);
    EXPECT_TRUE(at::equal(state.bits, truth.bits));
    EXPECT_TRUE(at::equal(state.header, truth.header));
    EXPECT_EQ(got.counters.select(2, 2).sum().item<int64_t>(), want.report.sum().dropped);
    EXPECT_EQ(last_backend(), want.report.backend);
  }
  at::set_num_threads(threads);
  EXPECT_LT(attention::kept_tiles(truth_view), 2 * 2 * 6 * 32);
}

TEST(AttentionOp, RangesAndPolicyReachTheLibrary) {
  const auto shape = attention::testing::state_shape_for(kStepsSpec, {16, 16});
  SkipStateTensors state = make_skip_state(shape);
  begin_generation(state, 2);
  SkipStateTensors truth{state.bits.clone(), state.spent.clone(), state.header.clone(), {}, {}};
  const auto truth_view = view_of(truth);
  const attention::MaxGapPolicy policy{.threshold = -3.0f,
                                       .direction = attention::DirectionMode::kFixed};
  const Problem problem = make_problem(kStepsSpec);
  AttentionCall call;
  call.policy = policy;
  const std::vector<attention::TokenRange> keep = {{0, 40}, {100, 130, 20, 60, 1}},
                                           leave = {{200, 300}};
  call.must_keep = keep;
  call.must_skip = leave;
  const auto got = run_operator(problem, state, call);
  const auto want = attention::testing::run(
      problem, {.state = &truth_view, .policy = policy, .must_keep = keep, .must_skip = leave});
  EXPECT_EQ(floats_of(got.out), want.out);
  EXPECT_TRUE(at::equal(state.bits, truth.bits));
  EXPECT_TRUE(at::equal(state.header, truth.header));
}

TEST(AttentionOp, ADenseStepKeepsEveryTileAndCounts) {
  SkipStateTensors state =
      make_skip_state(attention::testing::state_shape_for(kStepsSpec, {16, 16}));
  begin_generation(state, 2);
  const at::Tensor before = state.bits.clone();
  AttentionCall call;
  call.is_dense_step = true;
  const auto got = run_operator(make_problem(kStepsSpec), state, call);
  EXPECT_TRUE(at::equal(state.bits, before));
  EXPECT_EQ(view_of(state).field(attention::HeaderField::kStep), 1);
  EXPECT_TRUE(at::equal(got.counters.select(2, 0), got.counters.select(2, 1)));
}

TEST(AttentionOp, AcceptsItsOwnTokenOrderAndGeneration) {
  const ProblemSpec spec{.kv_len = 100};
  auto shape = attention::testing::state_shape_for(spec, attention::kCpuTileGeometry);
  shape.token_order = 3;
  SkipStateTensors state = make_skip_state(shape);
  begin_generation(state, 1);
  begin_generation(state, 1);
  const Problem problem = make_problem(spec);
  AttentionCall call;
  call.token_order = 3;
  call.generation = 2;
  EXPECT_NO_THROW(attention_forward(tensor_of(problem.q), tensor_of(problem.k),
                                    tensor_of(problem.v), &state, call));
}

TEST(AttentionOp, TensorsWithoutMemoryGiveTheShapes) {
  const Problem problem = make_problem(kStepsSpec);
  const auto on_meta = [](const attention::testing::Array& array) {
    return tensor_of(array).to(at::kMeta);
  };
  const auto got = attention_forward(on_meta(problem.q), on_meta(problem.k), on_meta(problem.v));
  const auto want =
      attention_forward(tensor_of(problem.q), tensor_of(problem.k), tensor_of(problem.v));
  for (const auto member : {&AttentionResult::out, &AttentionResult::lse, &AttentionResult::row_max,
                            &AttentionResult::counters, &AttentionResult::masses}) {
    EXPECT_EQ((got.*member).sizes(), (want.*member).sizes());
    EXPECT_EQ((got.*member).scalar_type(), (want.*member).scalar_type());
    EXPECT_TRUE((got.*member).is_meta());
  }
}

TEST(AttentionOp, InputsThatRequireAGradientAreFineWhileNoneIsRecorded) {
  const Problem problem = make_problem({});
  const at::Tensor q = tensor_of(problem.q).clone().requires_grad_();
  const at::NoGradGuard no_grad;
  const auto got = attention_forward(q, tensor_of(problem.k), tensor_of(problem.v));
  EXPECT_FALSE(got.out.requires_grad());
}

}  // namespace
}  // namespace tessera::torch_ops::testing
