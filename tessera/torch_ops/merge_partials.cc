#include "tessera/torch_ops/merge_partials.h"

#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/ops/empty.h>

#include "tessera/attention/merge_partials.h"
#include "tessera/core/error.h"
#include "tessera/torch_ops/arguments.h"
#include "tessera/torch_ops/torch_executor.h"

namespace tessera::torch_ops {
namespace {

constexpr const char* kFunction = "merge_partials";

void check_parts(at::TensorList outs, at::TensorList lses) {
  TESSERA_CHECK(!outs.empty(), "[merge_partials] parts must hold at least one, got: none");
  TESSERA_CHECK(outs.size() == lses.size(), "[merge_partials] there must be one lse for each out (",
                outs.size(), "), got: ", lses.size());
  for (size_t i = 0; i < outs.size(); ++i) {
    const std::string name = concat("out of part ", i);
    TESSERA_CHECK(outs[i].dim() == 4, "[merge_partials] ", name,
                  " must be [B, L, H, D], got: ", outs[i].sym_sizes());
    refuse_gradient(outs[i], name, kFunction);
    refuse_gradient(lses[i], concat("lse of part ", i), kFunction);
  }
}

/// For fp32 [B, Hq, Lq] on the CPU, contiguous: the library reads it by pointer alone.
const float* lse_data(const at::Tensor& lse, size_t part, at::IntArrayRef rows) {
  TESSERA_CHECK(
      lse.is_cpu() && lse.scalar_type() == at::kFloat && lse.is_contiguous() && lse.sizes() == rows,
      "[merge_partials] lse of part ", part, " must be contiguous float32 ", rows,
      " on the CPU, got: ", c10::toString(lse.scalar_type()), " ", lse.sizes());
  return lse.const_data_ptr<float>();
}

}  // namespace

std::tuple<at::Tensor, at::Tensor> merge_partials_cpu(at::TensorList outs, at::TensorList lses,
                                                      std::optional<at::ScalarType> dtype) {
  check_parts(outs, lses);
  const at::Tensor& first = outs[0];
  const int64_t rows[] = {first.size(0), first.size(2), first.size(1)};
  std::vector<attention::PartialAttention> parts;
  for (size_t i = 0; i < outs.size(); ++i) {
    parts.push_back({.out = view_of_input(outs[i], concat("out of part ", i), kFunction),
                     .lse = lse_data(lses[i], i, rows)});
  }
  at::Tensor out =
      at::empty(first.sizes(), first.options().dtype(dtype.value_or(first.scalar_type())));
  at::Tensor lse = at::empty(rows, first.options().dtype(at::kFloat));
  attention::merge_partials(parts, view_of_output(out, "out", kFunction),
                            lse.mutable_data_ptr<float>(), &torch_executor());
  return {out, lse};
}

std::tuple<at::Tensor, at::Tensor> merge_partials_meta(at::TensorList outs, at::TensorList lses,
                                                       std::optional<at::ScalarType> dtype) {
  check_parts(outs, lses);
  const at::Tensor& first = outs[0];
  const auto sizes = first.sym_sizes();
  return {at::empty_symint(sizes, first.options().dtype(dtype.value_or(first.scalar_type()))),
          at::empty_symint({sizes[0], sizes[2], sizes[1]}, first.options().dtype(at::kFloat))};
}

std::tuple<at::Tensor, at::Tensor> merge_partials(const std::vector<at::Tensor>& outs,
                                                  const std::vector<at::Tensor>& lses,
                                                  std::optional<at::ScalarType> dtype) {
  // An empty list has no tensor to tell the device by.
  TESSERA_CHECK(!outs.empty(), "[merge_partials] parts must hold at least one, got: none");
  static const auto op = c10::Dispatcher::singleton()
                             .findSchemaOrThrow("tessera::merge_partials", "")
                             .typed<MergePartialsSignature>();
  return op.call(outs, lses, dtype);
}

}  // namespace tessera::torch_ops
