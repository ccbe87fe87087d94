#include <algorithm>

#include <ATen/ops/zeros.h>

#include "tessera/core/error.h"
#include "tessera/torch_ops/arguments.h"
#include "tessera/torch_ops/attention.h"

namespace tessera::torch_ops {

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

void begin_generation(SkipStateTensors& state, int64_t total_steps, attention::Direction first) {
  attention::begin_generation(view_of(state),
                              narrowed(total_steps, "begin_generation", "total_steps", 1), first);
}

SkipStateTensors state_tensors(const at::Tensor& bits, const at::Tensor& spent,
                               const at::Tensor& header, const OptionalTensor& lse,
                               const OptionalTensor& pending) {
  return {bits, spent, header, lse.value_or(at::Tensor()), pending.value_or(at::Tensor())};
}

StateTuple state_tuple(const SkipStateTensors& state) {
  const auto if_defined = [](const at::Tensor& tensor) {
    return tensor.defined() ? OptionalTensor(tensor) : std::nullopt;
  };
  return {state.bits, state.spent, state.header, if_defined(state.lse), if_defined(state.pending)};
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

}  // namespace tessera::torch_ops
