#include "tessera/segmentation/sam/fast_linear.h"

#include <optional>
#include <string>

#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>

namespace tessera::segmentation {
namespace {

/// Torch's compiler calls this operator, and it is in no header; none where Torch has no oneDNN.
const std::optional<c10::OperatorHandle>& onednn_linear() {
  static const auto found =
      c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  return found;
}

}  // namespace

bool is_plain_cpu(const at::Tensor& x) {
  return x.device().is_cpu() && x.scalar_type() == at::kFloat && !at::GradMode::is_enabled();
}

at::Tensor fast_linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                       bool has_gelu) {
  if (is_plain_cpu(x) && onednn_linear()) {
    const c10::List<std::optional<at::Scalar>> no_scalars;
    torch::jit::Stack stack = {x.contiguous(), weight,
                               bias,           has_gelu ? "gelu" : "none",
                               no_scalars,     has_gelu ? "none" : ""};
    onednn_linear()->callBoxed(stack);
    return stack.front().toTensor();
  }
  const auto y = at::linear(x, weight, bias);
  return has_gelu ? at::gelu(y) : y;
}

}  // namespace tessera::segmentation
