// What the operator refuses, each with the text of its message.
#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/torch_ops/attention.h"
#include "tessera/torch_ops/testing/problem_tensors.h"

namespace tessera::torch_ops::testing {
namespace {

/// One good call, [1, 64, 1, 16] with a state; each test spoils one thing.
class AttentionOpRefuses : public ::testing::Test {
 protected:
  AttentionOpRefuses() {
    state_ = make_skip_state({.batch = 1, .num_heads = 1, .q_len = 64, .kv_len = 64});
    begin_generation(state_, 2);
  }
  /// What the call throws; whatever it is, the state stays as it was.
  template <typename Exception = InvalidArgument>
  std::string message() {
    const at::Tensor bits = state_.bits.clone(), header = state_.header.clone();
    const auto text = refusal<Exception>([&] { attention_forward(q_, k_, v_, &state_, call_); });
    EXPECT_TRUE(at::equal(state_.bits, bits));
    EXPECT_TRUE(at::equal(state_.header, header));
    return text;
  }

  at::Tensor q_ = at::zeros({1, 64, 1, 16}), k_ = at::zeros({1, 64, 1, 16}),
             v_ = at::zeros({1, 64, 1, 16});
  SkipStateTensors state_;
  AttentionCall call_;
};

TEST_F(AttentionOpRefuses, NothingOfAGoodCall) {
  EXPECT_NO_THROW(attention_forward(q_, k_, v_, &state_, call_));
}

TEST_F(AttentionOpRefuses, AnInputThatRequiresAGradient) {
  v_.requires_grad_();
  EXPECT_EQ(message(), "[attention_forward] v requires a gradient, and attention_forward has none");
}

/// The arguments of a call through the dispatcher, the missing ones by the schema's defaults.
torch::jit::Stack completed(const c10::OperatorHandle& op, torch::jit::Stack stack) {
  const auto& arguments = op.schema().arguments();
  for (size_t i = stack.size(); i < arguments.size(); ++i) {
    stack.push_back(arguments[i].default_value().value_or(c10::IValue()));
  }
  return stack;
}

TEST_F(AttentionOpRefuses, Float64) {
  q_ = q_.to(at::kDouble);
  EXPECT_EQ(message<Unsupported>(),
            "[attention_forward] q must be float32, float16 or bfloat16, got: Double");
}

TEST_F(AttentionOpRefuses, TwoDtypes) {
  k_ = k_.to(at::kBFloat16);
  EXPECT_EQ(message(), "[attention_forward] k must have q's dtype fp32, got: bf16");
}

TEST_F(AttentionOpRefuses, ThreeDimensions) {
  k_ = k_[0];
  EXPECT_EQ(message(), "[attention_forward] k must be [B, L, H, D], got: [64, 1, 16]");
}

TEST_F(AttentionOpRefuses, TwoDevices) {
  q_ = q_.to(at::kMeta);
  EXPECT_EQ(message(), "[attention_forward] k must be on q's device, got: cpu");
}

TEST_F(AttentionOpRefuses, PartsOfAStateWithoutBits) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("tessera::attention_forward", "");
  torch::jit::Stack stack =
      completed(op, {q_, k_, v_, c10::IValue(), c10::IValue(), c10::IValue(), at::zeros({1})});
  EXPECT_EQ(refusal<InvalidArgument>([&] { op.callBoxed(stack); }),
            "[attention_forward] state_lse and pending are parts of a state, got no bits");
}

TEST_F(AttentionOpRefuses, AStateOnAnotherDevice) {
  state_.bits = state_.bits.to(at::kMeta);
  EXPECT_EQ(refusal<InvalidArgument>([&] { view_of(state_); }),
            "[attention_forward] the state's bits must be contiguous Int with 4 dimensions on the "
            "CPU, got: Int [1, 1, 1, 1]");
}

TEST_F(AttentionOpRefuses, HalfAState) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("tessera::attention_forward", "");
  torch::jit::Stack stack = completed(op, {q_, k_, v_, state_.bits});
  EXPECT_EQ(refusal<InvalidArgument>([&] { op.callBoxed(stack); }),
            "[attention_forward] bits, spent and header come together or not at all");
}

TEST_F(AttentionOpRefuses, AShortHeader) {
  state_.header = state_.header.narrow(0, 0, 3).clone();
  EXPECT_EQ(message(), "[SkipState] header must have 13 fields, got: 3");
}

TEST_F(AttentionOpRefuses, AnEmptyHeader) {
  state_.header = at::empty({0}, at::kInt);
  EXPECT_EQ(message(), "[SkipState] bits, spent and header must be set, got: null");
}

TEST_F(AttentionOpRefuses, AStateWithGaps) {
  state_.spent = at::zeros({1, 1, 2}).slice(2, 0, 2, 2).expand({1, 1, 2});
  EXPECT_EQ(message(),
            "[attention_forward] the state's spent must be contiguous Float with 3 dimensions on "
            "the CPU, got: Float [1, 1, 2]");
}

TEST_F(AttentionOpRefuses, AStateOfAnotherType) {
  state_.bits = state_.bits.to(at::kLong);
  EXPECT_EQ(message(),
            "[attention_forward] the state's bits must be contiguous Int with 4 dimensions on the "
            "CPU, got: Long [1, 1, 1, 1]");
}

TEST_F(AttentionOpRefuses, AStateOfAnotherShape) {
  q_ = at::zeros({1, 63, 1, 16});
  EXPECT_EQ(message(), "[attention_forward] the state is for q_len 64, got: 63");
}

TEST_F(AttentionOpRefuses, ARangePastTheKeys) {
  call_.must_skip = {{0, 65}};
  EXPECT_EQ(message(),
            "[attention_forward] must_skip must be ascending, non-empty ranges without overlap in "
            "[0, 64), got: [0, 65)");
}

TEST_F(AttentionOpRefuses, KvLengthsOfAnotherType) {
  call_.kv_lengths = at::full({1}, 64, at::kInt);
  EXPECT_EQ(message(), "[attention_forward] kv_lengths must be int64 [1], got: Int [1]");
}

TEST_F(AttentionOpRefuses, KvLengthsOfAnotherShape) {
  call_.kv_lengths = at::full({2}, 64, at::kLong);
  EXPECT_EQ(message(), "[attention_forward] kv_lengths must be int64 [1], got: Long [2]");
}

TEST_F(AttentionOpRefuses, AnotherTokenOrder) {
  call_.token_order = 1;
  EXPECT_EQ(message(), "[attention_forward] the state is for token order 0, got: 1");
}

TEST_F(AttentionOpRefuses, ATokenOrderPast32Bits) {
  call_.token_order = int64_t{1} << 32;
  EXPECT_EQ(message(),
            "[attention_forward] token_order must be in [0, 2147483647], got: 4294967296");
}

TEST_F(AttentionOpRefuses, AnotherGeneration) {
  call_.generation = 2;
  EXPECT_EQ(message(), "[attention_forward] the state is for generation 1, got: 2");
}

TEST_F(AttentionOpRefuses, GenerationZero) {
  call_.generation = 0;
  EXPECT_EQ(message(), "[attention_forward] generation must be in [1, 2147483647], got: 0");
}

TEST_F(AttentionOpRefuses, AStepPastTheLast) {
  attention_forward(q_, k_, v_, &state_, call_);
  attention_forward(q_, k_, v_, &state_, call_);
  EXPECT_EQ(message(),
            "[attention_forward] the generation ends after 2 steps and a new one must begin, got: "
            "step 2");
}

TEST(MakeSkipStateOp, RefusesTileSizesThatWouldNarrow) {
  const auto op = c10::Dispatcher::singleton().findSchemaOrThrow("tessera::make_skip_state", "");
  torch::jit::Stack stack = completed(op, {1, 1, 64, 64, (int64_t{1} << 32) + 64});
  EXPECT_EQ(refusal<InvalidArgument>([&] { op.callBoxed(stack); }),
            "[make_skip_state] q_tile must be in [1, 4096], got: 4294967360");
}

TEST(MakeSkipState, RefusesATileOfNothing) {
  EXPECT_EQ(refusal<InvalidArgument>([] {
              make_skip_state({.batch = 1,
                               .num_heads = 1,
                               .q_len = 64,
                               .kv_len = 64,
                               .geometry = {.q_tile = 64, .kv_tile = 0}});
            }),
            "[make_skip_state] kv_tile must be in [1, 4096], got: 0");
}

TEST(BeginGeneration, RefusesMoreStepsThan32Bits) {
  auto state = make_skip_state({.batch = 1, .num_heads = 1, .q_len = 64, .kv_len = 64});
  EXPECT_EQ(refusal<InvalidArgument>([&] { begin_generation(state, int64_t{1} << 31); }),
            "[begin_generation] total_steps must be in [1, 2147483647], got: 2147483648");
}

}  // namespace
}  // namespace tessera::torch_ops::testing
