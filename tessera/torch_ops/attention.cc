#include "tessera/torch_ops/attention.h"

#include <limits>

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <torch/library.h>

#include "tessera/core/error.h"
#include "tessera/torch_ops/torch_executor.h"

namespace tessera::torch_ops {
namespace {

using OptionalTensor = std::optional<at::Tensor>;

constexpr char kSchema[] =
    "attention_forward(Tensor q, Tensor k, Tensor v, "
    "Tensor(a!)? bits=None, Tensor(b!)? spent=None, Tensor(c!)? header=None, *, "
    "float? scale=None, float threshold=-6.93, bool alternate_direction=True, "
    "bool dense_step=False, int[] must_keep=[], int[] must_skip=[], Tensor? kv_lengths=None, "
    "int token_order=0, int? generation=None) "
    "-> (Tensor out, Tensor lse, Tensor counters)";

using Signature = std::tuple<at::Tensor, at::Tensor, at::Tensor>(
    const at::Tensor&, const at::Tensor&, const at::Tensor&, const OptionalTensor&,
    const OptionalTensor&, const OptionalTensor&, std::optional<double>, double, bool, bool,
    at::IntArrayRef, at::IntArrayRef, const OptionalTensor&, int64_t, std::optional<int64_t>);

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
      throw Unsupported(concat("[attention_forward] ", name, " must be float32 or bfloat16, got: ",
                               c10::toString(tensor.scalar_type())));
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
  at::Tensor counters = at::empty({report.batch, report.num_heads, 3}, at::kLong);
  int64_t* data = counters.mutable_data_ptr<int64_t>();
  for (const auto& head : report.heads) {
    *data++ = head.total;
    *data++ = head.visited;
    *data++ = head.dropped;
  }
  return counters;
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> attention_forward_cpu(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const OptionalTensor& bits,
    const OptionalTensor& spent, const OptionalTensor& header, std::optional<double> scale,
    double threshold, bool alternate_direction, bool dense_step, at::IntArrayRef must_keep,
    at::IntArrayRef must_skip, const OptionalTensor& kv_lengths, int64_t token_order,
    std::optional<int64_t> generation) {
  attention::AttentionProblem problem;
  problem.q = view_of_tensor<attention::TensorView>(q, "q");
  problem.k = view_of_tensor<attention::TensorView>(k, "k");
  problem.v = view_of_tensor<attention::TensorView>(v, "v");
  problem.scale = scale;
  const auto lengths = lengths_of(kv_lengths, q.size(0));
  problem.kv_lengths = lengths;

  at::Tensor out = at::empty(q.sizes(), q.options());
  at::Tensor lse = at::empty({q.size(0), q.size(2), q.size(1)}, q.options().dtype(at::kFloat));
  attention::AttentionOutputs outputs;
  outputs.out = view_of_tensor<attention::MutableTensorView>(out, "out");
  outputs.lse = lse.mutable_data_ptr<float>();

  const bool has_state = bits.has_value();
  TESSERA_CHECK(spent.has_value() == has_state && header.has_value() == has_state,
                "[attention_forward] bits, spent and header come together or not at all");
  attention::SkipStateView state;
  attention::SkipRequest skip;
  if (has_state) {
    state = view_of({*bits, *spent, *header});
    skip.state = &state;
  }
  skip.token_order = narrowed(token_order, "attention_forward", "token_order", 0);
  if (generation) skip.generation = narrowed(*generation, "attention_forward", "generation", 1);
  skip.step = dense_step ? attention::StepKind::kDense : attention::StepKind::kSkip;
  skip.policy.threshold = static_cast<float>(threshold);
  skip.policy.direction = alternate_direction ? attention::DirectionMode::kAlternating
                                              : attention::DirectionMode::kFixed;
  const auto keep = ranges_of(must_keep, "must_keep");
  const auto leave = ranges_of(must_skip, "must_skip");
  skip.must_keep = keep;
  skip.must_skip = leave;

  const auto report =
      attention::attention_forward(problem, outputs, skip, {.executor = &torch_executor()});
  backend_of_last_call = report.backend;
  return {out, lse, counters_of(report)};
}

std::tuple<at::Tensor, at::Tensor, at::Tensor> make_skip_state_tensors(
    int64_t batch, int64_t num_heads, int64_t q_len, int64_t kv_len, int64_t q_tile,
    int64_t kv_tile, int64_t token_order) {
  constexpr char kFunction[] = "make_skip_state";
  const auto state = make_skip_state(
      {.batch = batch,
       .num_heads = num_heads,
       .q_len = q_len,
       .kv_len = kv_len,
       .geometry = {.q_tile = narrowed(q_tile, kFunction, "q_tile", 1, attention::kMaxTileSize),
                    .kv_tile = narrowed(kv_tile, kFunction, "kv_tile", 1, attention::kMaxTileSize)},
       .token_order = narrowed(token_order, kFunction, "token_order", 0)});
  return {state.bits, state.spent, state.header};
}

}  // namespace

TORCH_LIBRARY(tessera, library) {
  library.def(kSchema);
  library.def(
      "make_skip_state(int batch, int num_heads, int q_len, int kv_len, int q_tile=64, int "
      "kv_tile=64, int token_order=0) "
      "-> (Tensor bits, Tensor spent, Tensor header)",
      &make_skip_state_tensors);
  library.def(
      "begin_generation(Tensor(a!) bits, Tensor(b!) spent, Tensor(c!) header, int total_steps) -> "
      "()",
      [](const at::Tensor& bits, const at::Tensor& spent, const at::Tensor& header,
         int64_t total_steps) {
        SkipStateTensors state{bits, spent, header};
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
  SkipStateTensors state;
  const auto bits_shape = shape.bits_shape();
  const auto spent_shape = shape.spent_shape();
  state.bits = at::zeros(bits_shape, at::kInt);
  state.spent = at::zeros(spent_shape, at::kFloat);
  state.header = at::zeros({attention::kHeaderFields}, at::kInt);
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
  for (int i = 0; i < 4; ++i) view.bits_shape[i] = state.bits.size(i);
  view.spent = state.spent.mutable_data_ptr<float>();
  for (int i = 0; i < 3; ++i) view.spent_shape[i] = state.spent.size(i);
  view.header = state.header.mutable_data_ptr<int32_t>();
  view.header_size = state.header.numel();
  return view;
}

AttentionResult attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  SkipStateTensors* state, const AttentionCall& call) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("tessera::attention_forward", "")
                             .typed<Signature>();
  OptionalTensor bits, spent, header;
  if (state != nullptr) {
    bits = state->bits;
    spent = state->spent;
    header = state->header;
  }
  const bool is_alternating = call.policy.direction == attention::DirectionMode::kAlternating;
  auto [out, lse, counters] =
      op.call(q, k, v, bits, spent, header, call.scale, call.policy.threshold, is_alternating,
              call.is_dense_step, call.must_keep, call.must_skip, call.kv_lengths, call.token_order,
              call.generation);
  return {std::move(out), std::move(lse), std::move(counters)};
}

const std::string& last_backend() { return backend_of_last_call; }

}  // namespace tessera::torch_ops
