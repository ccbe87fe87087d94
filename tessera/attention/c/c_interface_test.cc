// The C interface against the C++ API, bit for bit.
#include <cstring>
#include <filesystem>

#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/c/tessera_attention.h"
#include "tessera/attention/merge_partials.h"
#include "tessera/attention/testing/marks.h"
#include "tessera/attention/testing/problem.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::attention::testing {
namespace {

int32_t c_dtype(DType dtype) {
  if (dtype == DType::kFloat32) return TESSERA_FLOAT32;
  return dtype == DType::kFloat16 ? TESSERA_FLOAT16 : TESSERA_BFLOAT16;
}

template <typename Tensor, typename View>
Tensor c_tensor(const View& view) {
  Tensor tensor = TESSERA_NO_TENSOR;
  tensor.data = view.data;
  tensor.dtype = c_dtype(view.dtype);
  std::copy(view.shape.begin(), view.shape.end(), tensor.shape);
  std::copy(view.strides.begin(), view.strides.end(), tensor.strides);
  return tensor;
}

/// The outputs of one call, and the structs around them.
struct CCall {
  tessera_problem problem = TESSERA_PROBLEM_INIT;
  tessera_outputs outputs = TESSERA_OUTPUTS_INIT;
  tessera_skip skip = TESSERA_SKIP_INIT;
  tessera_run run = TESSERA_RUN_INIT;
  tessera_report report = TESSERA_REPORT_INIT;
  std::vector<float> out, lse, row_max;
  std::vector<tessera_tile_counts> heads;
  std::vector<tessera_lost_mass> masses;

  explicit CCall(const Problem& from) {
    const auto& spec = from.spec;
    const AttentionProblem view = from.view();
    problem.q = c_tensor<tessera_tensor>(view.q);
    problem.k = c_tensor<tessera_tensor>(view.k);
    problem.v = c_tensor<tessera_tensor>(view.v);
    problem.kv_lengths = spec.kv_lengths.empty() ? nullptr : spec.kv_lengths.data();
    problem.scale = spec.scale.value_or(0);
    out.resize(spec.batch * spec.q_len * spec.num_heads * spec.head_dim, -777.0f);
    lse.resize(spec.batch * spec.num_heads * spec.q_len, -777.0f);
    row_max = lse;
    const std::array<int64_t, 4> shape = {spec.batch, spec.q_len, spec.num_heads, spec.head_dim};
    outputs.out = c_tensor<tessera_mutable_tensor>(
        MutableTensorView{out.data(), DType::kFloat32, shape, contiguous_strides(shape)});
    outputs.lse = lse.data();
    heads.resize(spec.batch * spec.num_heads);
    masses.resize(heads.size());
    report.heads = heads.data();
    report.masses = masses.data();
    report.capacity = static_cast<int64_t>(heads.size());
    run.backend = "reference";
  }

  explicit CCall(const Problem&&) = delete;  // it only looks at the problem's arrays

  tessera_status operator()() {
    return tessera_attention_forward(&problem, &outputs, &skip, &run, &report);
  }
};

/// A C state with 16 x 16 tiles, destroyed at the end.
class CState {
 public:
  CState(const ProblemSpec& spec, int32_t steps, int32_t streams = 1, bool has_lse = false) {
    tessera_skip_state_shape shape = TESSERA_SKIP_STATE_SHAPE_INIT;
    shape.batch = spec.batch;
    shape.num_heads = spec.num_heads;
    shape.q_len = spec.q_len;
    shape.kv_len = spec.kv_len;
    shape.q_tile = shape.kv_tile = 16;
    shape.streams = streams;
    shape.has_lse = has_lse;
    EXPECT_EQ(tessera_skip_state_create(&shape, &state_), TESSERA_OK) << tessera_last_error();
    EXPECT_EQ(tessera_skip_state_begin(state_, steps, TESSERA_ASCENDING), TESSERA_OK);
  }
  ~CState() { tessera_skip_state_destroy(state_); }
  CState(const CState&) = delete;
  CState& operator=(const CState&) = delete;
  operator tessera_skip_state*() const { return state_; }

  tessera_skip_state_arrays arrays() const {
    tessera_skip_state_arrays arrays = TESSERA_SKIP_STATE_ARRAYS_INIT;
    EXPECT_EQ(tessera_skip_state_get_arrays(state_, &arrays), TESSERA_OK);
    return arrays;
  }

 private:
  tessera_skip_state* state_ = nullptr;
};

void expect_same_state(const SkipStateView& want, const CState& got) {
  const tessera_skip_state_arrays arrays = got.arrays();
  EXPECT_EQ(std::vector<int32_t>(arrays.header, arrays.header + kHeaderFields),
            std::vector<int32_t>(want.header, want.header + kHeaderFields));
  const auto& s = want.bits_shape;
  const int64_t rows = s[0] * s[1] * s[2];
  EXPECT_EQ(std::memcmp(arrays.bits, want.bits, rows * s[3] * sizeof(int32_t)), 0);
  EXPECT_EQ(std::memcmp(arrays.spent, want.spent, rows * sizeof(float)), 0);
  int64_t kept = 0;
  EXPECT_EQ(tessera_skip_state_kept_tiles(got, &kept), TESSERA_OK);
  EXPECT_EQ(kept, kept_tiles(want));
}

void expect_same_answer(const Answer& want, const CCall& got) {
  EXPECT_EQ(got.out, want.out);
  EXPECT_EQ(got.lse, want.lse);
  EXPECT_EQ(got.report.backend, want.report.backend);
  const auto numbers = [](const auto& c) {
    return std::vector<int64_t>{c.total, c.visited, c.dropped, c.probed, c.returned, c.loaded};
  };
  EXPECT_EQ(numbers(got.report.sum), numbers(want.report.sum()));
  for (size_t i = 0; i < got.heads.size(); ++i) {
    EXPECT_EQ(numbers(got.heads[i]), numbers(want.report.heads[i]));
    EXPECT_EQ(got.masses[i].dropped, want.report.masses[i].dropped);
    EXPECT_EQ(got.masses[i].spent, want.report.masses[i].spent);
    EXPECT_EQ(got.masses[i].lost, want.report.masses[i].lost);
    EXPECT_EQ(got.masses[i].rows, want.report.masses[i].rows);
  }
}

const ProblemSpec kSpec{.batch = 2,
                        .q_len = 50,
                        .kv_len = 150,
                        .num_heads = 4,
                        .num_kv_heads = 2,
                        .kv_lengths = {150, 101},
                        .is_heads_first = true};

TEST(CInterface, MaxGapWithRangesOnAPoolGivesTheSameBits) {
  const SkipState state = begun_state(kSpec, 3);
  const SkipStateView view = state.view();
  const CState c_state(kSpec, 3);
  const std::vector<TokenRange> keep = {{100, 120, 0, 20, 1}}, leave = {{16, 48}};
  const tessera_token_range c_keep = {100, 120, 0, 20, 1};
  const tessera_token_range c_leave = {16, 48, 0, TESSERA_LAST_TOKEN, TESSERA_ALL_HEADS};
  const std::vector<float> thresholds = {-5, -6, -7, -8};
  const MaxGapPolicy policy{.thresholds = {thresholds, 1, 4}, .direction = DirectionMode::kFixed};
  tessera_max_gap max_gap = TESSERA_MAX_GAP_INIT;
  max_gap.thresholds = {thresholds.data(), 1, 4};
  max_gap.direction_mode = TESSERA_FIXED_DIRECTION;
  const auto pool = make_thread_pool(2);
  tessera_executor executor = TESSERA_EXECUTOR_INIT;
  executor.num_threads = 2;
  executor.context = pool.get();
  executor.parallel_for = [](void* context, int64_t count, tessera_task task, void* data) {
    static_cast<Executor*>(context)->parallel_for(
        count, [&](int64_t index, int thread) { task(data, index, thread); });
  };
  for (int step = 0; step < 3; ++step) {
    const Problem problem = make_problem(kSpec, 0.1 * step);
    const Answer want = run(problem,
                            {.state = &view,
                             .step = step == 1 ? StepKind::kDense : StepKind::kSkip,
                             .policy = policy,
                             .generation = 1,
                             .must_keep = keep,
                             .must_skip = leave},
                            {.backend = "cpu"});
    CCall call(problem);
    call.skip.state = c_state;
    call.skip.step_kind = step == 1 ? TESSERA_DENSE_STEP : TESSERA_SKIP_STEP;
    call.skip.max_gap = &max_gap;
    call.skip.generation = 1;
    call.skip.must_keep = &c_keep;
    call.skip.must_skip = &c_leave;
    call.skip.must_keep_count = call.skip.must_skip_count = 1;
    call.run.backend = "cpu";
    call.run.executor = &executor;
    ASSERT_EQ(call(), TESSERA_OK) << tessera_last_error();
    expect_same_answer(want, call);
    expect_same_state(view, c_state);
  }
  EXPECT_LT(kept_tiles(view), 2 * 4 * 4 * 10);
}

TEST(CInterface, MassWithProbesStreamsAndCarriedMassesGivesTheSameBits) {
  SkipStateShape shape = state_shape_for(kSpec, kTile);
  shape.streams = 2;
  shape.has_lse = true;
  SkipState state(shape);
  state.begin(4);
  const SkipStateView view = state.view();
  const CState c_state(kSpec, 4, 2, true);
  const MassPolicy policy{.budget = 0.2, .growth = BudgetGrowth::kConstant, .probe_period = 2};
  tessera_mass mass = TESSERA_MASS_INIT;
  mass.budget = 0.2;
  mass.growth = TESSERA_CONSTANT_BUDGET;
  mass.probe_period = 2;
  const std::vector<float> lse(2 * 4 * 50, 1.5f);
  for (int call = 0; call < 8; ++call) {
    const Problem problem = make_problem(kSpec, 0.1 * call);
    const Answer want =
        run(problem,
            {.state = &view, .policy = policy, .stream = call % 2, .carried = {.lse = lse.data()}},
            {.backend = "reference"});
    CCall c_call(problem);
    c_call.skip.state = c_state;
    c_call.skip.mass = &mass;
    c_call.skip.stream = call % 2;
    c_call.skip.carried_lse = lse.data();
    ASSERT_EQ(c_call(), TESSERA_OK) << tessera_last_error();
    expect_same_answer(want, c_call);
    expect_same_state(view, c_state);
  }
  EXPECT_LT(kept_tiles(view), 2 * 4 * 4 * 10);
}

TEST(CInterface, DefaultsAreTheCppDefaults) {
  const Problem problem = make_problem({.q_len = 70, .kv_len = 70});
  const MaxGapPolicy gap;
  const tessera_max_gap c_gap = TESSERA_MAX_GAP_INIT;
  EXPECT_EQ(c_gap.threshold, gap.threshold);
  EXPECT_EQ(c_gap.direction_mode, static_cast<int32_t>(gap.direction));
  const MassPolicy mass;
  const tessera_mass c_mass = TESSERA_MASS_INIT;
  EXPECT_EQ(c_mass.budget, mass.budget);
  EXPECT_EQ(c_mass.growth, static_cast<int32_t>(mass.growth));
  EXPECT_EQ(c_mass.estimate, static_cast<int32_t>(mass.estimate));
  EXPECT_EQ(c_mass.probe_period, mass.probe_period);
  EXPECT_EQ(c_mass.direction_mode, static_cast<int32_t>(mass.direction));
  CCall call(problem);
  ASSERT_EQ(tessera_attention_forward(&call.problem, &call.outputs, nullptr, nullptr, nullptr),
            TESSERA_OK);
  EXPECT_EQ(call.out, run(problem).out);
}

TEST(CInterface, AStateGoesThroughAFile) {
  const CState state(kSpec, 3);
  const Problem problem = make_problem(kSpec);
  CCall call(problem);
  call.skip.state = state;
  ASSERT_EQ(call(), TESSERA_OK) << tessera_last_error();
  const tessera::testing::TemporaryFolder folder;
  const std::string path = folder.path() / "state.safetensors";
  ASSERT_EQ(tessera_skip_state_save(state, path.c_str()), TESSERA_OK) << tessera_last_error();
  expect_same_state(SkipState::load(path).view(), state);
  tessera_skip_state* loaded = nullptr;
  ASSERT_EQ(tessera_skip_state_load(path.c_str(), &loaded), TESSERA_OK) << tessera_last_error();
  int32_t step = 0;
  EXPECT_EQ(tessera_skip_state_get_field(loaded, TESSERA_FIELD_STEP, &step), TESSERA_OK);
  EXPECT_EQ(step, 1);
  tessera_skip_state_shape shape = TESSERA_SKIP_STATE_SHAPE_INIT;
  EXPECT_EQ(tessera_skip_state_get_shape(loaded, &shape), TESSERA_OK);
  EXPECT_EQ(shape.kv_len, 150);
  EXPECT_EQ(shape.q_tile, 16);
  tessera_skip_state_destroy(loaded);
}

TEST(CInterface, MergesPartsAsCppDoes) {
  const Problem problem = make_problem(kSpec), other = make_problem(kSpec, 0.5);
  CCall first(problem), second(other);
  ASSERT_EQ(first(), TESSERA_OK);
  ASSERT_EQ(second(), TESSERA_OK);
  const std::array<int64_t, 4> shape = {2, 50, 4, 16};
  const auto view = [&](const std::vector<float>& out) {
    return TensorView{out.data(), DType::kFloat32, shape, contiguous_strides(shape)};
  };
  std::vector<float> want(first.out.size()), want_lse(first.lse.size());
  merge_partials(std::vector<PartialAttention>{{view(first.out), first.lse.data()},
                                               {view(second.out), second.lse.data()}},
                 {want.data(), DType::kFloat32, shape, contiguous_strides(shape)}, want_lse.data());
  const tessera_partial parts[] = {{c_tensor<tessera_tensor>(view(first.out)), first.lse.data()},
                                   {c_tensor<tessera_tensor>(view(second.out)), second.lse.data()}};
  ASSERT_EQ(tessera_merge_partials(parts, 2, &first.outputs.out, first.lse.data(), nullptr),
            TESSERA_OK)
      << tessera_last_error();
  EXPECT_EQ(first.out, want);
  EXPECT_EQ(first.lse, want_lse);
}

TEST(CInterface, ListsBackEnds) {
  const std::vector<std::string> names = backend_names();
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(tessera_backend_name(static_cast<int64_t>(i)), names[i]);
  }
  EXPECT_EQ(tessera_backend_name(static_cast<int64_t>(names.size())), nullptr);
  EXPECT_EQ(tessera_backend_name(-1), nullptr);
}

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
