// Private: the operator as Torch's dispatcher sees it. Schema and C++ signature stand here, once.
#pragma once

#include <optional>
#include <string_view>
#include <tuple>

#include <ATen/core/Tensor.h>

#include "tessera/torch_ops/attention.h"

namespace tessera::torch_ops {

using OptionalTensor = std::optional<at::Tensor>;

/// `bits` to `pending` are one SkipStateTensors, changed in place; `tile_mass` is written. They are
/// arguments, not hidden memory, so that compilers and graphs see what a call changes. `must_keep`
/// and `must_skip` are int64 [n, 5] on the CPU: attention::TokenRange's begin, end, q_begin, q_end
/// and head, a q_end or head of -1 for all; or [n, 2], for all queries of all heads.
inline constexpr char kAttentionSchema[] =
    "attention_forward(Tensor q, Tensor k, Tensor v, "
    "Tensor(a!)? bits=None, Tensor(b!)? spent=None, Tensor(c!)? header=None, "
    "Tensor(d!)? state_lse=None, Tensor(e!)? pending=None, *, Tensor(f!)? tile_mass=None, "
    "float? scale=None, str policy='mass', float? level=None, Tensor? levels=None, "
    "str growth='linear', str estimate='row_maximum', int probe_period=0, "
    "int probe_seed=0, "
    "bool alternate_direction=True, bool dense_step=False, Tensor? must_keep=None, "
    "Tensor? must_skip=None, Tensor? kv_lengths=None, Tensor? carried_row_max=None, "
    "Tensor? carried_lse=None, int token_order=0, int? generation=None, int? stream=None) "
    "-> (Tensor out, Tensor lse, Tensor row_max, Tensor counters, Tensor masses)";

/// A state between the dispatcher and the library.
using StateTuple = std::tuple<at::Tensor, at::Tensor, at::Tensor, OptionalTensor, OptionalTensor>;
SkipStateTensors state_tensors(const at::Tensor& bits, const at::Tensor& spent,
                               const at::Tensor& header, const OptionalTensor& lse,
                               const OptionalTensor& pending);
StateTuple state_tuple(const SkipStateTensors& state);

using AttentionTuple = std::tuple<at::Tensor, at::Tensor, at::Tensor, at::Tensor, at::Tensor>;

using AttentionSignature = AttentionTuple(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const OptionalTensor& bits,
    const OptionalTensor& spent, const OptionalTensor& header, const OptionalTensor& state_lse,
    const OptionalTensor& pending, const OptionalTensor& tile_mass, std::optional<double> scale,
    std::string_view policy, std::optional<double> level, const OptionalTensor& levels,
    std::string_view growth, std::string_view estimate, int64_t probe_period, int64_t probe_seed,
    bool alternate_direction, bool dense_step, const OptionalTensor& must_keep,
    const OptionalTensor& must_skip, const OptionalTensor& kv_lengths,
    const OptionalTensor& carried_row_max, const OptionalTensor& carried_lse, int64_t token_order,
    std::optional<int64_t> generation, std::optional<int64_t> stream);

/// Computes.
AttentionSignature attention_forward_cpu;

/// The outputs' shapes alone, symbolic ones included: for torch.compile, torch.export and tensors
/// without memory.
AttentionSignature attention_forward_meta;

}  // namespace tessera::torch_ops
