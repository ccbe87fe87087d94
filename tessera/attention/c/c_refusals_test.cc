// What the C interface refuses, and what it says.
#include <string>

#include <gtest/gtest.h>

#include "tessera/attention/c/tessera_attention.h"
#include "tessera/attention/testing/c_call.h"
#include "tessera/attention/testing/problem.h"

namespace tessera::attention::testing {
namespace {

/// What each call is refused with.
class CRefusals : public ::testing::Test {
 protected:
  CRefusals() { call_.skip.state = state_; }
  void expect(tessera_status status, const std::string& text) {
    EXPECT_EQ(call_(), status);
    EXPECT_EQ(tessera_last_error(), "[tessera_attention_forward] " + text);
    EXPECT_EQ(call_.out, std::vector<float>(call_.out.size(), -777.0f));
    int32_t step = -1;
    EXPECT_EQ(tessera_skip_state_get_field(state_, TESSERA_FIELD_STEP, &step), TESSERA_OK);
    EXPECT_EQ(step, 0);
  }

  const ProblemSpec spec_{.q_len = 40, .kv_len = 40, .num_heads = 2, .num_kv_heads = 2};
  const Problem problem_ = make_problem(spec_);
  CState state_{spec_, 2};
  CCall call_{problem_};
  tessera_max_gap max_gap_ = TESSERA_MAX_GAP_INIT;
  tessera_mass mass_ = TESSERA_MASS_INIT;
  tessera_executor executor_ = TESSERA_EXECUTOR_INIT;
};

TEST_F(CRefusals, NullPointers) {
  EXPECT_EQ(tessera_attention_forward(nullptr, &call_.outputs, nullptr, nullptr, nullptr),
            TESSERA_INVALID_ARGUMENT);
  EXPECT_STREQ(tessera_last_error(), "[tessera_attention_forward] problem must be set, got: NULL");
  EXPECT_EQ(tessera_attention_forward(&call_.problem, nullptr, nullptr, nullptr, nullptr),
            TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_skip_state_begin(nullptr, 1, 0), TESSERA_INVALID_ARGUMENT);
  EXPECT_STREQ(tessera_last_error(), "[tessera_skip_state_begin] state must be set, got: NULL");
  EXPECT_EQ(tessera_skip_state_create(nullptr, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_skip_state_save(state_, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_skip_state_check(nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_skip_state_get_field(state_, 0, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_merge_partials(nullptr, 1, nullptr, nullptr, nullptr),
            TESSERA_INVALID_ARGUMENT);
  tessera_skip_state_destroy(nullptr);
  call_.skip.must_keep_count = 1;
  expect(TESSERA_INVALID_ARGUMENT, "skip->must_keep must be set, got: NULL");
}

TEST_F(CRefusals, StructsOfUnknownSize) {
  const auto text = [](const char* name, size_t want, size_t got) {
    return std::string(name) + "->struct_size must be " + std::to_string(want) +
           ", got: " + std::to_string(got);
  };
  call_.run.struct_size = 0;
  expect(TESSERA_INVALID_ARGUMENT, text("run", sizeof(tessera_run), 0));
  call_.run.struct_size = sizeof(tessera_run);
  call_.skip.struct_size += 8;
  expect(TESSERA_INVALID_ARGUMENT, text("skip", sizeof(tessera_skip), sizeof(tessera_skip) + 8));
  call_.skip.struct_size -= 8;
  call_.skip.mass = &mass_;
  mass_.struct_size = 4;
  expect(TESSERA_INVALID_ARGUMENT, text("skip->mass", sizeof(tessera_mass), 4));
}

TEST_F(CRefusals, NumbersThatNameNothing) {
  call_.problem.q.dtype = 3;
  expect(TESSERA_INVALID_ARGUMENT, "problem->q.dtype must be in [0, 3), got: 3");
  call_.problem.q.dtype = TESSERA_FLOAT32;
  call_.skip.step_kind = 2;
  expect(TESSERA_INVALID_ARGUMENT, "skip->step_kind must be in [0, 2), got: 2");
  call_.skip.step_kind = TESSERA_SKIP_STEP;
  call_.skip.max_gap = &max_gap_;
  max_gap_.direction_mode = -1;
  expect(TESSERA_INVALID_ARGUMENT, "direction_mode must be in [0, 2), got: -1");
  call_.skip.mass = &mass_;
  expect(TESSERA_INVALID_ARGUMENT, "skip must set max_gap or mass, got: both");
}

TEST_F(CRefusals, AStreamOnTheCpu) {
  call_.run.stream = &call_;
  expect(TESSERA_INVALID_ARGUMENT,
         "run->stream must be NULL for back ends on the CPU, got: a stream");
}

TEST_F(CRefusals, AReportTooSmall) {
  call_.report.capacity = 1;
  expect(TESSERA_INVALID_ARGUMENT, "report->capacity must be at least batch * heads (2), got: 1");
}

TEST_F(CRefusals, UnknownBackEnds) {
  call_.run.backend = "abacus";
  EXPECT_EQ(call_(), TESSERA_UNSUPPORTED);
  EXPECT_TRUE(std::string(tessera_last_error()).ends_with(", got: abacus"));
}

TEST_F(CRefusals, FilesThatAreNotThere) {
  tessera_skip_state* state = state_;
  EXPECT_EQ(tessera_skip_state_load("/nowhere/state", &state), TESSERA_IO_ERROR);
  EXPECT_EQ(state, nullptr);
  EXPECT_TRUE(std::string(tessera_last_error()).starts_with("/nowhere/state"));
}

TEST_F(CRefusals, AnExecutorThatLeavesTasksOut) {
  executor_.parallel_for = [](void*, int64_t, tessera_task task, void* data) { task(data, 0, 0); };
  call_.run.executor = &executor_;
  EXPECT_EQ(call_(), TESSERA_INVALID_ARGUMENT);
  EXPECT_STREQ(tessera_last_error(),
               "[tessera_attention_forward] executor->parallel_for must call all 6 tasks before it "
               "returns, got: 1");
}

TEST_F(CRefusals, AnExecutorThatRepeatsATask) {
  executor_.parallel_for = [](void*, int64_t count, tessera_task task, void* data) {
    for (int64_t i = 0; i < count; ++i) task(data, i == count - 1 ? 0 : i, 0);
  };
  call_.run.executor = &executor_;
  EXPECT_EQ(call_(), TESSERA_INVALID_ARGUMENT);
  EXPECT_STREQ(
      tessera_last_error(),
      "[tessera_attention_forward] executor->parallel_for must call each task once, got: 0 "
      "again");
}

TEST_F(CRefusals, AnExecutorThatInventsThreads) {
  executor_.parallel_for = [](void*, int64_t, tessera_task task, void* data) { task(data, 0, 1); };
  call_.run.executor = &executor_;
  EXPECT_EQ(call_(), TESSERA_INVALID_ARGUMENT);
  EXPECT_STREQ(tessera_last_error(),
               "[tessera_attention_forward] executor->parallel_for must call tasks in [0, 6) on "
               "threads in [0, 1), got: 0 on 1");
}

TEST_F(CRefusals, AnExceptionOutOfACallback) {
  executor_.parallel_for = [](void*, int64_t, tessera_task, void*) { throw 7; };
  call_.run.executor = &executor_;
  EXPECT_EQ(call_(), TESSERA_INTERNAL_ERROR);
  EXPECT_STREQ(tessera_last_error(), "an exception of unknown type");
}

}  // namespace
}  // namespace tessera::attention::testing
