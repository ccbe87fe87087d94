// The operators' registration, and C++'s way to them through the dispatcher. Both in one file: a
// program that calls attention_forward() is sure to link the registration.
#include "tessera/torch_ops/attention.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include "tessera/torch_ops/arguments.h"
#include "tessera/torch_ops/attention_operator.h"
#include "tessera/torch_ops/budget_control.h"
#include "tessera/torch_ops/check_settings.h"
#include "tessera/torch_ops/merge_partials.h"
#include "tessera/torch_ops/state_file.h"
#include "tessera/torch_ops/token_order.h"

namespace tessera::torch_ops {
namespace {

OptionalTensor if_defined(const at::Tensor& tensor) {
  return tensor.defined() ? OptionalTensor(tensor) : std::nullopt;
}

StateTuple make_skip_state_tensors(int64_t batch, int64_t num_heads, int64_t q_len, int64_t kv_len,
                                   int64_t q_tile, int64_t kv_tile, int64_t q_group,
                                   int64_t token_order, int64_t streams, bool has_lse) {
  constexpr char kFunction[] = "make_skip_state";
  const auto tile = [&](int64_t size, const char* name) {
    return narrowed(size, kFunction, name, 1, attention::kMaxTileSize);
  };
  return state_tuple(make_skip_state(
      {.batch = batch,
       .num_heads = num_heads,
       .q_len = q_len,
       .kv_len = kv_len,
       .geometry = {.q_tile = tile(q_tile, "q_tile"),
                    .kv_tile = tile(kv_tile, "kv_tile"),
                    .q_group = narrowed(q_group, kFunction, "q_group", 1, attention::kMaxQGroup)},
       .token_order = narrowed(token_order, kFunction, "token_order", 0),
       .streams = narrowed(streams, kFunction, "streams", 1, 2),
       .has_lse = has_lse}));
}

void begin_generation_cpu(const at::Tensor& bits, const at::Tensor& spent, const at::Tensor& header,
                          const OptionalTensor& lse, const OptionalTensor& pending,
                          int64_t total_steps, std::string_view first) {
  SkipStateTensors state = state_tensors(bits, spent, header, lse, pending);
  begin_generation(state, total_steps, direction_of(first));
}

/// It has no outputs, so there are no shapes to tell.
void begin_generation_meta(const at::Tensor&, const at::Tensor&, const at::Tensor&,
                           const OptionalTensor&, const OptionalTensor&, int64_t,
                           std::string_view) {}

/// [B, Hq, Tq, Tk] in the state's geometry.
at::Tensor make_tile_mass(const at::Tensor& q, const at::Tensor& k, const SkipStateTensors* state) {
  const auto geometry = state == nullptr ? attention::kCpuTileGeometry
                                         : attention::state_shape(view_of(*state)).geometry;
  return at::empty({q.size(0), q.size(2), attention::tile_count(q.size(1), geometry.q_tile),
                    attention::tile_count(k.size(1), geometry.kv_tile)},
                   at::kFloat);
}

}  // namespace

TORCH_LIBRARY(tessera, library) {
  // The tensors must arrive with the strides that the caller gave them: D is contiguous.
  library.def(kAttentionSchema, {at::Tag::pt2_compliant_tag, at::Tag::needs_exact_strides});
  library.def(
      "make_skip_state(int batch, int num_heads, int q_len, int kv_len, int q_tile=64, "
      "int kv_tile=64, int q_group=1, int token_order=0, int streams=1, bool has_lse=False) "
      "-> (Tensor bits, Tensor spent, Tensor header, Tensor? lse, Tensor? pending)",
      &make_skip_state_tensors);
  library.def(
      "begin_generation(Tensor(a!) bits, Tensor(b!) spent, Tensor(c!) header, "
      "Tensor(d!)? lse=None, Tensor(e!)? pending=None, *, int total_steps, "
      "str first='ascending') -> ()",
      {at::Tag::pt2_compliant_tag});
  library.def("last_backend() -> str", [] { return last_backend(); });
  library.def(kTokenOrderSchema, &token_order);
  library.def(kMergePartialsSchema, {at::Tag::pt2_compliant_tag, at::Tag::needs_exact_strides});
  library.def(kCheckSettingsSchema, &check_settings);
  register_state_file(library);
  register_budget_control(library);
}

TORCH_LIBRARY_IMPL(tessera, CPU, library) {
  library.impl("attention_forward", &attention_forward_cpu);
  library.impl("begin_generation", &begin_generation_cpu);
  library.impl("merge_partials", &merge_partials_cpu);
}

TORCH_LIBRARY_IMPL(tessera, Meta, library) {
  library.impl("attention_forward", &attention_forward_meta);
  library.impl("begin_generation", &begin_generation_meta);
  library.impl("merge_partials", &merge_partials_meta);
}

AttentionResult attention_forward(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v,
                                  SkipStateTensors* state, const AttentionCall& call) {
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("tessera::attention_forward", "")
                             .typed<AttentionSignature>();
  const SkipStateTensors tensors = state == nullptr ? SkipStateTensors{} : *state;
  const PolicyArguments policy = arguments_of(call.policy);
  const at::Tensor tile_mass = call.with_tile_mass ? make_tile_mass(q, k, state) : at::Tensor();
  auto [out, lse, row_max, counters, masses] = op.call(
      q, k, v, if_defined(tensors.bits), if_defined(tensors.spent), if_defined(tensors.header),
      if_defined(tensors.lse), if_defined(tensors.pending), if_defined(tile_mass), call.scale,
      policy.policy, policy.level, policy.levels, policy.growth, policy.estimate,
      policy.probe_period, policy.probe_seed, policy.alternates, call.is_dense_step,
      tensor_of(call.must_keep), tensor_of(call.must_skip), call.kv_lengths, call.carried_row_max,
      call.carried_lse, call.token_order, call.generation, call.stream);
  return {std::move(out),      std::move(lse),    std::move(row_max),
          std::move(counters), std::move(masses), tile_mass};
}

}  // namespace tessera::torch_ops
