#include "tessera/segmentation/sam/fast_linear.h"

#include <optional>
#include <string>

#include <ATen/core/List.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <torch/csrc/autograd/custom_function.h>

#include "tessera/segmentation/sam/sam_layers.h"

namespace tessera::segmentation {
namespace {

/// Torch's compiler calls this operator, and it is in no header; none where Torch has no oneDNN.
const std::optional<c10::OperatorHandle>& onednn_linear() {
  static const auto found =
      c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  return found;
}

struct SwiftBias : torch::autograd::Function<SwiftBias> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x,
                            const at::Tensor& weight, const at::Tensor& bias) {
    context->save_for_backward({x, weight});
    return at::linear(x, weight, bias);
  }

  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext* context,
                                               const torch::autograd::tensor_list& gradients) {
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1];
    const at::Tensor rows = gradients[0].reshape({-1, weight.size(0)});
    at::Tensor of_x;
    if (context->needs_input_grad(0)) of_x = at::mm(rows, weight).view(x.sizes());
    const at::Tensor of_weight = at::mm(rows.t(), x.reshape({-1, weight.size(1)}));
    const at::Tensor of_bias = at::mm(at::ones({1, rows.size(0)}, rows.options()), rows);
    return {of_x, of_weight, of_bias.squeeze(0)};
  }
};

}  // namespace

at::Tensor linear_with_swift_bias(const at::Tensor& x, const at::Tensor& weight,
                                  const at::Tensor& bias) {
  return SwiftBias::apply(x, weight, bias);
}

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
  const bool is_lean_training = is_lean(x) && at::GradMode::is_enabled() && weight.requires_grad();
  const auto y = is_lean_training ? linear_with_swift_bias(lean(x), lean(weight), lean(bias))
                                  : at::linear(x, weight, bias);
  return has_gelu ? at::gelu(y) : y;
}

}  // namespace tessera::segmentation
