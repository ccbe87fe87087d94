// The C interface against the C++ API, bit for bit.
#include <cstring>

#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/c/tessera_attention.h"
#include "tessera/attention/merge_partials.h"
#include "tessera/attention/testing/c_call.h"
#include "tessera/attention/testing/marks.h"
#include "tessera/attention/testing/problem.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::attention::testing {
namespace {

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
  const MassPolicy policy{
      .budget = 0.2, .growth = BudgetGrowth::kConstant, .probe_period = 2, .probe_seed = 7};
  tessera_mass mass = TESSERA_MASS_INIT;
  mass.budget = 0.2;
  mass.growth = TESSERA_CONSTANT_BUDGET;
  mass.probe_period = 2;
  mass.probe_seed = 7;
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

TEST(CInterface, WithoutAPolicyTheDefaultIsMass) {
  const SkipState state = begun_state(kSpec, 1);
  const SkipStateView view = state.view();
  const CState c_state(kSpec, 1);
  const Problem problem = make_problem(kSpec);
  const Answer want =
      run(problem, {.state = &view, .policy = MassPolicy{}}, {.backend = "reference"});
  CCall call(problem);
  call.skip.state = c_state;
  ASSERT_EQ(call(), TESSERA_OK) << tessera_last_error();
  expect_same_answer(want, call);
  expect_same_state(view, c_state);
  EXPECT_GT(want.report.sum().dropped, 0);
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

}  // namespace
}  // namespace tessera::attention::testing
