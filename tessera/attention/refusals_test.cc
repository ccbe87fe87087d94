// Every refused input of attention_forward, with its message; nothing is written then.
#include <cmath>
#include <cstdlib>
#include <functional>

#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/cpu/kernels.h"
#include "tessera/attention/testing/problem.h"
#include "tessera/core/error.h"

namespace tessera::attention::testing {
namespace {

/// A good call whose parts a test may spoil.
struct Call {
  ProblemSpec spec{.batch = 2, .q_len = 20, .kv_len = 30, .num_heads = 4, .num_kv_heads = 2};
  Problem arrays = make_problem(spec);
  AttentionProblem problem = arrays.view();
  std::vector<float> memory = std::vector<float>(2 * 20 * 4 * 16, -5.0f);
  AttentionOutputs outputs{
      {memory.data(), DType::kFloat32, {2, 20, 4, 16}, contiguous_strides({2, 20, 4, 16})}};
  SkipState state{state_shape_for(spec, {8, 8})};
  SkipStateView view = state.view();
  SkipRequest skip{.state = &view, .policy = MaxGapPolicy{}};
  RunOptions run = {};
  std::vector<int64_t> lengths;
  std::vector<float> levels = std::vector<float>(8, 0.1f);  // [2, 4]

  Call() { state.begin(2); }
  Call(const Call&) = delete;
};

struct Refusal {
  const char* name;
  std::function<void(Call&)> spoil;
  std::string message;

  friend void PrintTo(const Refusal& value, std::ostream* stream) { *stream << value.name; }
};

class AttentionRefusals : public ::testing::TestWithParam<Refusal> {};

TEST_P(AttentionRefusals, SayRuleAndValueAndWriteNothing) {
  Call call;
  GetParam().spoil(call);
  const int32_t step = call.view.header[5];
  std::string message = "accepted";
  try {
    attention_forward(call.problem, call.outputs, call.skip, call.run);
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_EQ(message, GetParam().message);
  for (const float value : call.memory) ASSERT_EQ(value, -5.0f);
  EXPECT_EQ(call.view.header[5], step);
}

const std::string kOp = "[attention_forward] ";

const Refusal kRefusals[] = {
    {"ZeroSize", [](Call& c) { c.problem.q.shape[1] = 0; },
     kOp + "every size must be in [1, 2^31), got: q [2, 0, 4, 16], k [2, 30, 2, 16]"},
    {"NegativeSize", [](Call& c) { c.problem.k.shape[1] = -3; },
     kOp + "every size must be in [1, 2^31), got: q [2, 20, 4, 16], k [2, -3, 2, 16]"},
    {"LargeHead", [](Call& c) { c.problem.q.shape[3] = 257; },
     kOp + "head_dim must be at most 256, got: 257"},
    {"HeadMultiple", [](Call& c) { c.problem.k.shape[2] = 3; },
     kOp + "q's heads must be a multiple of k's heads (3), got: 4"},
    {"BatchOfK", [](Call& c) { c.problem.k.shape[0] = 1; },
     kOp + "k must be [2, 30, 2, 16], got: [1, 30, 2, 16]"},
    {"LengthOfV", [](Call& c) { c.problem.v.shape[1] = 31; },
     kOp + "v must be [2, 30, 2, 16], got: [2, 31, 2, 16]"},
    {"ShapeOfOut", [](Call& c) { c.outputs.out.shape[3] = 8; },
     kOp + "out must be [2, 20, 4, 16], got: [2, 20, 4, 8]"},
    {"NullQ", [](Call& c) { c.problem.q.data = nullptr; }, kOp + "q must be set, got: null"},
    {"NullOut", [](Call& c) { c.outputs.out.data = nullptr; }, kOp + "out must be set, got: null"},
    {"DtypeOfK", [](Call& c) { c.problem.k.dtype = DType::kBFloat16; },
     kOp + "k must have q's dtype fp32, got: bf16"},
    {"DtypeOfOut", [](Call& c) { c.outputs.out.dtype = DType::kBFloat16; },
     kOp + "out must have q's dtype fp32, got: bf16"},
    {"Doubles",
     [](Call& c) {
       c.problem.q.dtype = c.problem.k.dtype = c.problem.v.dtype = DType::kFloat64;
       c.outputs.out.dtype = DType::kFloat64;
     },
     kOp + "no back end takes fp64"},
    {"LastStride", [](Call& c) { c.problem.v.strides[3] = 2; },
     kOp + "v must be contiguous in its last dimension, got stride: 2"},
    {"OutStride", [](Call& c) { c.outputs.out.strides[1] = 0; },
     kOp + "out must not have a stride of 0, got one in dimension: 1"},
    {"Overlap", [](Call& c) { c.outputs.out.data = const_cast<void*>(c.problem.q.data); },
     kOp + "out must not overlap an input, got: the memory of q"},
    {"OverlapOfOutputs", [](Call& c) { c.outputs.lse = c.memory.data() + 7; },
     kOp + "lse must not overlap another output, got: the memory of out"},
    {"OverlapOfRows",
     [](Call& c) {
       static float rows[2 * 4 * 20];
       c.outputs.lse = c.outputs.row_max = rows;
     },
     kOp + "row_max must not overlap another output, got: the memory of lse"},
    {"StridesPastAllMemory", [](Call& c) { c.problem.k.strides[0] = int64_t{1} << 62; },
     kOp + "k's strides must reach at most 2^58 elements, got: [4611686018427387904, 32, 16, 1]"},
    {"KvLengthsCount",
     [](Call& c) {
       c.lengths = {30};
       c.problem.kv_lengths = c.lengths;
     },
     kOp + "kv_lengths must have one entry per batch entry (2), got: 1"},
    {"KvLengthsRange",
     [](Call& c) {
       c.lengths = {30, 31};
       c.problem.kv_lengths = c.lengths;
     },
     kOp + "kv_lengths must be in [0, 30], got: 31"},
    {"NegativeScale", [](Call& c) { c.problem.scale = -1.0; },
     kOp + "scale must be in [1e-30, 1e30], got: -1"},
    {"NanScale", [](Call& c) { c.problem.scale = std::nan(""); },
     kOp + "scale must be in [1e-30, 1e30], got: nan"},
    {"Threshold", [](Call& c) { c.skip.policy = MaxGapPolicy{.threshold = 0.5f}; },
     kOp + "threshold must be finite and negative (natural-log units), got: 0.5"},
    {"StateBatch",
     [](Call& c) {
       c.spec.batch = 1;
       c.state = SkipState(state_shape_for(c.spec, {8, 8}));
       c.view = c.state.view();
     },
     kOp + "the state is for batch 1, got: 2"},
    {"StateHeads",
     [](Call& c) {
       c.spec.num_heads = 2;
       c.state = SkipState(state_shape_for(c.spec, {8, 8}));
       c.view = c.state.view();
     },
     kOp + "the state is for heads 2, got: 4"},
    {"StateQLen",
     [](Call& c) {
       c.spec.q_len = 19;
       c.state = SkipState(state_shape_for(c.spec, {8, 8}));
       c.view = c.state.view();
     },
     kOp + "the state is for q_len 19, got: 20"},
    {"StateKvLen",
     [](Call& c) {
       c.spec.kv_len = 31;
       c.state = SkipState(state_shape_for(c.spec, {8, 8}));
       c.view = c.state.view();
     },
     kOp + "the state is for kv_len 31, got: 30"},
    {"StateFormat", [](Call& c) { c.view.field(HeaderField::kVersion) = 3; },
     "[SkipState] format version must be 2, got: 3"},
    {"TokenOrder", [](Call& c) { c.skip.token_order = 4; },
     kOp + "the state is for token order 0, got: 4"},
    {"Generation", [](Call& c) { c.skip.generation = 2; },
     kOp + "the state is for generation 1, got: 2"},
    {"NotBegun",
     [](Call& c) {
       c.state = SkipState(state_shape_for(c.spec, {8, 8}));
       c.view = c.state.view();
     },
     kOp + "the state must have begun a generation, got: none"},
    {"PastTheLastStep", [](Call& c) { c.view.field(HeaderField::kStep) = 2; },
     kOp + "the generation ends after 2 steps and a new one must begin, got: step 2"},
    {"Stream", [](Call& c) { c.skip.stream = 1; }, kOp + "the state is for stream 0, got: 1"},
    {"StreamOutOfTurn",
     [](Call& c) {
       SkipStateShape shape = state_shape_for(c.spec, {8, 8});
       shape.streams = 2;
       c.state = SkipState(shape);
       c.state.begin(2);
       c.view = c.state.view();
       c.view.field(HeaderField::kStream) = 1;
       c.skip.stream = 0;
     },
     kOp + "the state is for stream 1, got: 0"},
    {"Budget", [](Call& c) { c.skip.policy = MassPolicy{.budget = 0.5}; },
     kOp + "budget must be in [0, 0.5), got: 0.5"},
    {"NanBudget", [](Call& c) { c.skip.policy = MassPolicy{.budget = std::nan("")}; },
     kOp + "budget must be in [0, 0.5), got: nan"},
    {"NegativeBudget", [](Call& c) { c.skip.policy = MassPolicy{.budget = -0.1}; },
     kOp + "budget must be in [0, 0.5), got: -0.1"},
    {"ProbePeriod", [](Call& c) { c.skip.policy = MassPolicy{.probe_period = 1}; },
     kOp + "probe_period must be 0 (never) or at least 2, got: 1"},
    {"NegativeProbePeriod", [](Call& c) { c.skip.policy = MassPolicy{.probe_period = -4}; },
     kOp + "probe_period must be 0 (never) or at least 2, got: -4"},
    {"TableSteps",
     [](Call& c) {
       c.skip.policy = MassPolicy{.budgets = {c.levels, 3, 4}};
     },
     kOp + "a table of levels must have 1 step or the generation's 2, got: 3"},
    {"TableHeads",
     [](Call& c) {
       c.skip.policy = MassPolicy{.budgets = {c.levels, 2, 2}};
     },
     kOp + "a table of levels must have 1 head or q's 4, got: 2"},
    {"TableValues",
     [](Call& c) {
       c.skip.policy = MassPolicy{.budgets = {c.levels, 1, 4}};
     },
     kOp + "a table of levels must have steps x heads = 4 values, got: 8"},
    {"BudgetOfALateStep",
     [](Call& c) {
       c.levels[6] = 1.0f;
       c.skip.policy = MassPolicy{.budgets = {c.levels, 2, 4}};
     },
     kOp + "every budget of a table must be in [0, 1), got: 1 at step 1, head 2"},
    {"ThresholdOfALateStep",
     [](Call& c) {
       c.levels = {-1, -2, -3, -4, -5, -6, -7, 8};
       c.skip.policy = MaxGapPolicy{.thresholds = {c.levels, 2, 4}};
     },
     kOp + "every threshold of a table must be finite and negative, got: 8 at step 1, head 3"},
    {"TileMassOfMaxGap", [](Call& c) { c.outputs.tile_mass = c.memory.data(); },
     kOp + "tile_mass needs the policy mass, got: max_gap"},
    {"RowMeanWithoutLse",
     [](Call& c) { c.skip.policy = MassPolicy{.estimate = MassEstimate::kRowMean}; },
     kOp + "the row mean's masses need a state with has_lse, or a carried lse, got: none"},
    {"BackEnd", [](Call& c) { c.run.backend = "gpu9"; },
     kOp + "back end must be one of cpu_bf16, cpu, reference, got: gpu9"},
};

INSTANTIATE_TEST_SUITE_P(All, AttentionRefusals, ::testing::ValuesIn(kRefusals),
                         [](const auto& info) { return std::string(info.param.name); });

/// Sets TESSERA_ATTENTION_BACKEND for one test and puts the old value back.
class BackendVariable {
 public:
  explicit BackendVariable(const char* value) {
    if (const char* old = std::getenv(kName)) old_ = old;
    setenv(kName, value, 1);
  }
  ~BackendVariable() { old_ ? setenv(kName, old_->c_str(), 1) : unsetenv(kName); }

 private:
  static constexpr const char* kName = "TESSERA_ATTENTION_BACKEND";
  std::optional<std::string> old_;
};

TEST(AttentionBackend, VariableForcesABackEnd) {
  const BackendVariable variable("reference");
  EXPECT_EQ(testing::run(make_problem({})).report.backend, "reference");
}

TEST(AttentionBackend, OptionBeatsTheVariable) {
  const BackendVariable variable("reference");
  EXPECT_EQ(testing::run(make_problem({}), {}, {.backend = "cpu"}).report.backend.substr(0, 4),
            "cpu/");
}

TEST(AttentionBackend, AFalseNameInTheVariableIsRefused) {
  const BackendVariable variable("gpu9");
  EXPECT_THROW(testing::run(make_problem({})), Unsupported);
}

TEST(AttentionBackend, NamesAreListedBestFirst) {
  std::vector<std::string> want = {"cpu", "reference"};
  if (cpu::bf16_is_supported()) want.insert(want.begin(), "cpu_bf16");
  EXPECT_EQ(backend_names(), want);
}

TEST(AttentionBackend, BFloat16GoesToItsDotProductsWhereTheProcessorHasThem) {
  const std::string got = testing::run(make_problem({.dtype = DType::kBFloat16})).report.backend;
  EXPECT_EQ(got.starts_with("cpu_bf16/"), cpu::bf16_is_supported()) << got;
}

TEST(AttentionBackend, DotProductsRefuseFp32ByName) {
  if (!cpu::bf16_is_supported()) GTEST_SKIP() << "this processor has no bf16 dot products";
  try {
    testing::run(make_problem({}), {}, {.backend = "cpu_bf16"});
    FAIL() << "accepted";
  } catch (const Unsupported& error) {
    EXPECT_EQ(std::string(error.what()), kOp + "back end cpu_bf16 takes bf16, got: fp32");
  }
}

}  // namespace
}  // namespace tessera::attention::testing
