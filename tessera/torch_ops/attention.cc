#include "tessera/torch_ops/attention.h"

#include <algorithm>
#include <array>
#include <limits>

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include "tessera/core/error.h"
#include "tessera/torch_ops/torch_executor.h"

namespace tessera::torch_ops {
namespace {

using OptionalTensor = std::optional<at::Tensor>;

constexpr char kSchema[] =
    "attention_forward(Tensor q, Tensor k, Tensor v, "
    "Tensor(a!)? bits=None, Tensor(b!)? spent=None, Tensor(c!)? header=None, "
    "Tensor(d!)? state_lse=None, Tensor(e!)? pending=None, *, float? scale=None, "
    "str policy='mass', float? level=None, Tensor? levels=None, str growth='linear', "
    "str estimate='row_maximum', int probe_period=0, bool alternate_direction=True, "
    "bool dense_step=False, int[] must_keep=[], int[] must_skip=[], Tensor? kv_lengths=None, "
    "Tensor? carried_row_max=None, Tensor? carried_lse=None, bool with_tile_mass=False, "
    "int token_order=0, int? generation=None, int? stream=None) "
    "-> (Tensor out, Tensor lse, Tensor row_max, Tensor counters, Tensor masses, "
    "Tensor tile_mass)";

using Outputs = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;
using Signature = Outputs(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const OptionalTensor& bits,
    const OptionalTensor& spent, const OptionalTensor& header, const OptionalTensor& state_lse,
    const OptionalTensor& pending, std::optional<double> scale, c10::string_view policy,
    std::optional<double> level, const OptionalTensor& levels, c10::string_view growth,
    c10::string_view estimate, int64_t probe_period, bool alternate_direction, bool dense_step,
    at::IntArrayRef must_keep, at::IntArrayRef must_skip, const OptionalTensor& kv_lengths,
    const OptionalTensor& carried_row_max, const OptionalTensor& carried_lse, bool with_tile_mass,
    int64_t token_order, std::optional<int64_t> generation, std::optional<int64_t> stream);

thread_local std::string backend_of_last_call;

/// Torch's integers are 64 bits wide, the library's header holds 32.
int32_t narrowed(int64_t value, const char* function, const char* name, int64_t low,
                 int64_t high = std::numeric_limits<int32_t>::max()) {
  TESSERA_CHECK(low <= value && value <= high, "[", function, "] ", name, " must be in [", low,
                ", ", high, "], got: ", value);
  return static_cast<int32_t>(value);
}

DType dtype_of(const at::Tensor& tensor, const char* name) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return DType::kFloat32;
    case at::kBFloat16:
      return DType::kBFloat16;
    case at::kHalf:
      return DType::kFloat16;
    default:
      throw Unsupported(concat(
          "[attention_forward] ", name,
          " must be float32, float16 or bfloat16, got: ", c10::toString(tensor.scalar_type())));
  }
}

template <typename View>
View view_of_tensor(const at::Tensor& tensor, const char* name) {
  TESSERA_CHECK(tensor.dim() == 4, "[attention_forward] ", name,
                " must be [B, L, H, D], got: ", tensor.sizes());
  TESSERA_CHECK(tensor.is_cpu(), "[attention_forward] ", name,
                " must be on the CPU, got: ", tensor.device().str());
  TESSERA_CHECK(!(tensor.requires_grad() && at::GradMode::is_enabled()), "[attention_forward] ",
                name, " requires a gradient, and attention_forward has none");
  View view;
  view.dtype = dtype_of(tensor, name);
  if constexpr (std::is_same_v<View, attention::MutableTensorView>) {
    view.data = tensor.mutable_data_ptr();
  } else {
    view.data = tensor.const_data_ptr();
  }
  for (int i = 0; i < 4; ++i) {
    view.shape[i] = tensor.size(i);
    view.strides[i] = tensor.stride(i);
  }
  return view;
}

std::vector<attention::TokenRange> ranges_of(at::IntArrayRef pairs, const char* name) {
  TESSERA_CHECK(pairs.size() % 2 == 0, "[attention_forward] ", name,
                " must list begin and end in pairs, got: ", pairs.size(), " numbers");
  std::vector<attention::TokenRange> ranges;
  for (size_t i = 0; i < pairs.size(); i += 2) ranges.push_back({pairs[i], pairs[i + 1]});
  return ranges;
}

std::vector<int64_t> lengths_of(const OptionalTensor& lengths, int64_t batch) {
  if (!lengths) return {};
  TESSERA_CHECK(
      lengths->scalar_type() == at::kLong && lengths->dim() == 1 && lengths->size(0) == batch,
      "[attention_forward] kv_lengths must be int64 [", batch,
      "], got: ", c10::toString(lengths->scalar_type()), " ", lengths->sizes());
  const at::Tensor host = lengths->to(at::kCPU).contiguous();
  const int64_t* data = host.const_data_ptr<int64_t>();
  return {data, data + batch};
}

at::Tensor counters_of(const attention::AttentionReport& report) {
  at::Tensor counters = at::empty({report.batch, report.num_heads, kCounters}, at::kLong);
  int64_t* data = counters.mutable_data_ptr<int64_t>();
  for (const auto& head : report.heads) {
    for (const int64_t count :
         {head.total, head.visited, head.dropped, head.probed, head.returned, head.loaded}) {
      *data++ = count;
    }
  }
  return counters;
}

at::Tensor masses_of(const attention::AttentionReport& report) {
  at::Tensor masses = at::empty({report.batch, report.num_heads, kMasses}, at::kDouble);
  double* data = masses.mutable_data_ptr<double>();
  for (const auto& mass : report.masses) {
    for (const double value :
         {mass.dropped, mass.spent, mass.lost, static_cast<double>(mass.rows)}) {
      *data++ = value;
    }
  }
  return masses;
}

/// A contiguous fp32 tensor [B, Hq, Lq] that came with the call.
const float* carried_data(const OptionalTensor& tensor, const char* name, const at::Tensor& q) {
  if (!tensor) return nullptr;
  const std::array<int64_t, 3> shape = {q.size(0), q.size(2), q.size(1)};
  TESSERA_CHECK(
      tensor->is_cpu() && tensor->is_contiguous() && tensor->scalar_type() == at::kFloat &&
          tensor->sizes() == at::IntArrayRef(shape),
      "[attention_forward] ", name, " must be contiguous float32 ", at::IntArrayRef(shape),
      " on the CPU, got: ", c10::toString(tensor->scalar_type()), " ", tensor->sizes());
  return tensor->const_data_ptr<float>();
}

attention::LevelTable level_table(const OptionalTensor& levels) {
  if (!levels) return {};
  TESSERA_CHECK(levels->is_cpu() && levels->is_contiguous() && levels->dim() == 2 &&
                    levels->scalar_type() == at::kFloat,
                "[attention_forward] levels must be contiguous float32 [steps, heads] on the CPU, "
                "got: ",
                c10::toString(levels->scalar_type()), " ", levels->sizes());
  return {.values = {levels->const_data_ptr<float>(), static_cast<size_t>(levels->numel())},
          .steps = levels->size(0),
          .heads = levels->size(1)};
}

template <typename Value>
Value named(c10::string_view name, const char* what,
            std::initializer_list<std::pair<c10::string_view, Value>> choices) {
  std::string known;
  for (const auto& [choice, value] : choices) {
    if (choice == name) return value;
    known += concat(known.empty() ? "" : " or ", choice);
  }
  throw InvalidArgument(concat("[attention_forward] ", what, " must be ", known, ", got: ", name));
}

attention::SkipPolicy policy_of(c10::string_view policy, std::optional<double> level,
                                const OptionalTensor& levels, c10::string_view growth,
                                c10::string_view estimate, int64_t probe_period,
                                bool alternate_direction) {
  using attention::BudgetGrowth, attention::DirectionMode, attention::MassEstimate;
  const auto direction = alternate_direction ? DirectionMode::kAlternating : DirectionMode::kFixed;
  if (named<bool>(policy, "policy", {{"mass", true}, {"max_gap", false}})) {
    return attention::MassPolicy{
        .budget = level.value_or(attention::kDefaultMassBudget),
        .growth = named<BudgetGrowth>(
            growth, "growth",
            {{"linear", BudgetGrowth::kLinear}, {"constant", BudgetGrowth::kConstant}}),
        .budgets = level_table(levels),
        .estimate = named<MassEstimate>(
            estimate, "estimate",
            {{"row_maximum", MassEstimate::kRowMaximum}, {"row_mean", MassEstimate::kRowMean}}),
        .probe_period = narrowed(probe_period, "attention_forward", "probe_period", 0),
        .direction = direction};
  }
  TESSERA_CHECK(probe_period == 0,
                "[attention_forward] the policy max_gap has no probes (they harm it), got "
                "probe_period: ",
                probe_period);
  return attention::MaxGapPolicy{
      .threshold = static_cast<float>(level.value_or(attention::kDefaultMaxGapThreshold)),
      .thresholds = level_table(levels),
      .direction = direction};
}

Outputs attention_forward_cpu(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const OptionalTensor& bits,
    const OptionalTensor& spent, const OptionalTensor& header, const OptionalTensor& state_lse,
    const OptionalTensor& pending, std::optional<double> scale, c10::string_view policy,
    std::optional<double> level, const OptionalTensor& levels, c10::string_view growth,
    c10::string_view estimate, int64_t probe_period, bool alternate_direction, bool dense_step,
    at::IntArrayRef must_keep, at::IntArrayRef must_skip, const OptionalTensor& kv_lengths,
    const OptionalTensor& carried_row_max, const OptionalTensor& carried_lse, bool with_tile_mass,
    int64_t token_order, std::optional<int64_t> generation, std::optional<int64_t> stream) {
  attention::AttentionProblem problem;
  problem.q = view_of_tensor<attention::TensorView>(q, "q");
  problem.k = view_of_tensor<attention::TensorView>(k, "k");
  problem.v = view_of_tensor<attention::TensorView>(v, "v");
  problem.scale = scale;
  const auto lengths = lengths_of(kv_lengths, q.size(0));
  problem.kv_lengths = lengths;

  const bool has_state = bits.has_value();
  TESSERA_CHECK(spent.has_value() == has_state && header.has_value() == has_state,
                "[attention_forward] bits, spent and header come together or not at all");
  attention::SkipStateView state;
  attention::SkipRequest skip;
  if (has_state) {
    state = view_of(
        {*bits, *spent, *header, state_lse.value_or(at::Tensor()), pending.value_or(at::Tensor())});
    skip.state = &state;
  }
  skip.token_order = narrowed(token_order, "attention_forward", "token_order", 0);
  if (generation) skip.generation = narrowed(*generation, "attention_forward", "generation", 1);
  if (stream) skip.stream = narrowed(*stream, "attention_forward", "stream", 0);
  skip.step = dense_step ? attention::StepKind::kDense : attention::StepKind::kSkip;
  skip.policy =
      policy_of(policy, level, levels, growth, estimate, probe_period, alternate_direction);
  skip.carried = {.row_max = carried_data(carried_row_max, "carried_row_max", q),
                  .lse = carried_data(carried_lse, "carried_lse", q)};
  const auto keep = ranges_of(must_keep, "must_keep");
  const auto leave = ranges_of(must_skip, "must_skip");
  skip.must_keep = keep;
  skip.must_skip = leave;

  const auto floats = q.options().dtype(at::kFloat);
  at::Tensor out = at::empty(q.sizes(), q.options());
  at::Tensor lse = at::empty({q.size(0), q.size(2), q.size(1)}, floats);
  at::Tensor row_max = at::empty_like(lse);
  at::Tensor tile_mass = at::empty({0}, floats);
  attention::AttentionOutputs outputs;
  outputs.out = view_of_tensor<attention::MutableTensorView>(out, "out");
  outputs.lse = lse.mutable_data_ptr<float>();
  outputs.row_max = row_max.mutable_data_ptr<float>();
  if (with_tile_mass) {
    const auto geometry =
        has_state ? attention::state_shape(state).geometry : attention::kCpuTileGeometry;
    tile_mass = at::empty({q.size(0), q.size(2), attention::tile_count(q.size(1), geometry.q_tile),
                           attention::tile_count(k.size(1), geometry.kv_tile)},
                          floats);
    outputs.tile_mass = tile_mass.mutable_data_ptr<float>();
  }
  const auto report =
      attention::attention_forward(problem, outputs, skip, {.executor = &torch_executor()});
  backend_of_last_call = report.backend;
  return {out, lse, row_max, counters_of(report), masses_of(report), tile_mass};
}

using StateTuple = std::tuple<at::Tensor, at::Tensor, at::Tensor, OptionalTensor, OptionalTensor>;

StateTuple make_skip_state_tensors(int64_t batch, int64_t num_heads, int64_t q_len, int64_t kv_len,
                                   int64_t q_tile, int64_t kv_tile, int64_t q_group,
                                   int64_t token_order, int64_t streams, bool has_lse) {
  constexpr char kFunction[] = "make_skip_state";
  const auto tile = [&](int64_t size, const char* name) {
    return narrowed(size, kFunction, name, 1, attention::kMaxTileSize);
  };
  const auto state = make_skip_state(
      {.batch = batch,
       .num_heads = num_heads,
       .q_len = q_len,
       .kv_len = kv_len,
       .geometry = {.q_tile = tile(q_tile, "q_tile"),
                    .kv_tile = tile(kv_tile, "kv_tile"),
                    .q_group = narrowed(q_group, kFunction, "q_group", 1, attention::kMaxQGroup)},
       .token_order = narrowed(token_order, kFunction, "token_order", 0),
       .streams = narrowed(streams, kFunction, "streams", 1, 2),
       .has_lse = has_lse});
  const auto optional = [](const at::Tensor& tensor) {
    return tensor.defined() ? OptionalTensor(tensor) : std::nullopt;
  };
  return {state.bits, state.spent, state.header, optional(state.lse), optional(state.pending)};
}

}  // namespace

TORCH_LIBRARY(tessera, library) {
  library.def(kSchema);
  library.def(
      "make_skip_state(int batch, int num_heads, int q_len, int kv_len, int q_tile=64, "
      "int kv_tile=64, int q_group=1, int token_order=0, int streams=1, bool has_lse=False) "
      "-> (Tensor bits, Tensor spent, Tensor header, Tensor? lse, Tensor? pending)",
      &make_skip_state_tensors);
  library.def(
      "begin_generation(Tensor(a!) bits, Tensor(b!) spent, Tensor(c!) header, "
      "Tensor(d!)? lse=None, Tensor(e!)? pending=None, *, int total_steps) -> ()",
      [](const at::Tensor& bits, const at::Tensor& spent, const at::Tensor& header,
         const OptionalTensor& lse, const OptionalTensor& pending, int64_t total_steps) {
        SkipStateTensors state{bits, spent, header, lse.value_or(at::Tensor()),
                               pending.value_or(at::Tensor())};
        begin_generation(state, total_steps);
      });
}
TORCH_LIBRARY_IMPL(tessera, CPU, library) {
  library.impl("attention_forward", &attention_forward_cpu);
}

SkipStateTensors make_skip_state(const attention::SkipStateShape& shape) {
  // Before the arrays' shapes are computed from them.
  constexpr char kFunction[] = "make_skip_state";
  narrowed(shape.batch, kFunction, "batch", 1);
  narrowed(shape.num_heads, kFunction, "num_heads", 1);
  narrowed(shape.q_len, kFunction, "q_len", 1);
  narrowed(shape.kv_len, kFunction, "kv_len", 1);
  narrowed(shape.geometry.q_tile, kFunction, "q_tile", 1, attention::kMaxTileSize);
  narrowed(shape.geometry.kv_tile, kFunction, "kv_tile", 1, attention::kMaxTileSize);
  narrowed(shape.streams, kFunction, "streams", 1, 2);
  SkipStateTensors state;
  const auto bits_shape = shape.bits_shape();
  const auto spent_shape = shape.spent_shape();
  state.bits = at::zeros(bits_shape, at::kInt);
  state.spent = at::zeros(spent_shape, at::kFloat);
  state.header = at::zeros({attention::kHeaderFields}, at::kInt);
  if (shape.has_lse) state.lse = at::zeros(shape.lse_shape(), at::kFloat);
  if (shape.streams == 2) state.pending = at::zeros(shape.pending_shape(), at::kByte);
  attention::initialize_state(view_of(state), shape);
  return state;
}

void begin_generation(SkipStateTensors& state, int64_t total_steps) {
  attention::begin_generation(view_of(state),
                              narrowed(total_steps, "begin_generation", "total_steps", 1));
}

attention::SkipStateView view_of(const SkipStateTensors& state) {
  const auto check = [](const at::Tensor& tensor, const char* name, at::ScalarType dtype,
                        int64_t dims) {
    TESSERA_CHECK(tensor.is_cpu() && tensor.is_contiguous() && tensor.scalar_type() == dtype &&
                      tensor.dim() == dims,
                  "[attention_forward] the state's ", name, " must be contiguous ",
                  c10::toString(dtype), " with ", dims,
                  " dimensions on the CPU, got: ", c10::toString(tensor.scalar_type()), " ",
                  tensor.sizes());
  };
  check(state.bits, "bits", at::kInt, 4);
  check(state.spent, "spent", at::kFloat, 3);
  check(state.header, "header", at::kInt, 1);
  attention::SkipStateView view;
  view.bits = state.bits.mutable_data_ptr<int32_t>();
  std::copy_n(state.bits.sizes().begin(), 4, view.bits_shape.begin());
  view.spent = state.spent.mutable_data_ptr<float>();
  std::copy_n(state.spent.sizes().begin(), 3, view.spent_shape.begin());
  view.header = state.header.mutable_data_ptr<int32_t>();
  view.header_size = state.header.numel();
  if (state.lse.defined()) {
    check(state.lse, "lse", at::kFloat, 4);
    view.lse = state.lse.mutable_data_ptr<float>();
    std::copy_n(state.lse.sizes().begin(), 4, view.lse_shape.begin());
  }
  if (state.pending.defined()) {
    check(state.pending, "pending", at::kByte, 4);
    view.pending = state.pending.mutable_data_ptr<uint8_t>();
    std::copy_n(state.pending.sizes().begin(), 4, view.pending_shape.begin());
  }
  return view;
}

namespace {

/// A policy as the operator's arguments.
struct PolicyArguments {
  c10::string_view policy = "mass", growth = "linear", estimate = "row_maximum";
  double level = 0;
  attention::LevelTable levels;
  int64_t probe_period = 0;
  attention::DirectionMode direction = attention::DirectionMode::kAlternating;
};

PolicyArguments arguments_of(const attention::MaxGapPolicy& policy) {
  return {.policy = "max_gap",
          .level = policy.threshold,
          .levels = policy.thresholds,
          .direction = policy.direction};
}

PolicyArguments arguments_of(const attention::MassPolicy& policy) {
  using attention::BudgetGrowth, attention::MassEstimate;
  return {.growth = policy.growth == BudgetGrowth::kLinear ? "linear" : "constant",
          .estimate = policy.estimate == MassEstimate::kRowMean ? "row_mean" : "row_maximum",
          .level = policy.budget,
          .levels = policy.budgets,
          .probe_period = policy.probe_period,
          .direction = policy.direction};
}

OptionalTensor tensor_of(const attention::LevelTable& table) {
  if (table.is_empty()) return std::nullopt;
  at::Tensor levels = at::empty({table.steps, table.heads}, at::kFloat);
  std::copy(table.values.begin(), table.values.end(), levels.mutable_data_ptr<float>());
  return levels;
}

OptionalTensor if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? OptionalTensor(tensor) : std::nullopt;
}

}  // namespace

AttentionResult attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  SkipStateTensors* state, const AttentionCall& call) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("tessera::attention_forward", "")
                             .typed<Signature>();
  const SkipStateTensors tensors = state == nullptr ? SkipStateTensors{} : *state;
  const PolicyArguments policy =
      std::visit([](const auto& chosen) { return arguments_of(chosen); }, call.policy);
  auto [out, lse, row_max, counters, masses, tile_mass] = op.call(
      q, k, v, if_defined(tensors.bits), if_defined(tensors.spent), if_defined(tensors.header),
      if_defined(tensors.lse), if_defined(tensors.pending), call.scale, policy.policy, policy.level,
      tensor_of(policy.levels), policy.growth, policy.estimate, policy.probe_period,
      policy.direction == attention::DirectionMode::kAlternating, call.is_dense_step,
      call.must_keep, call.must_skip, call.kv_lengths, call.carried_row_max, call.carried_lse,
      call.with_tile_mass, call.token_order, call.generation, call.stream);
  return {std::move(out),      std::move(lse),    std::move(row_max),
          std::move(counters), std::move(masses), std::move(tile_mass)};
}

const std::string& last_backend() { return backend_of_last_call; }

}  // namespace tessera::torch_ops
