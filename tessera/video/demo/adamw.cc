#include "tessera/video/demo/adamw.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace tessera::video {

AdamW::AdamW(at::Tensor values, int64_t num_decayed, const AdamWSettings& settings)
    : first_moment(at::zeros_like(values)),
      second_moment(at::zeros_like(values)),
      average(values.clone()),
      num_steps(at::zeros({1}, values.options())),
      values_(std::move(values)),
      num_decayed_(num_decayed),
      settings_(settings) {}

at::Tensor AdamW::step(at::Tensor gradients, double learning_rate) {
  const at::NoGradGuard no_grad;
  const at::Tensor norm = at::linalg_vector_norm(gradients);
  gradients.mul_((settings_.max_gradient_norm / (norm + 1e-6)).clamp_max(1.0));
  num_steps.add_(1);
  update(0, num_decayed_, gradients, learning_rate, settings_.weight_decay);
  update(num_decayed_, values_.numel(), gradients, learning_rate, 0.0);
  // Early on the average must not remember the initial weights: a plain mean until it is as long
  // as the decay says.
  const auto decay = (num_steps / (num_steps + 10.0)).clamp_max(settings_.average_decay);
  average.add_((values_ - average) * (1.0 - decay));
  return norm;
}

void AdamW::update(int64_t begin, int64_t end, const at::Tensor& gradients, double learning_rate,
                   double weight_decay) {
  if (begin == end) return;
  const auto part = [&](const at::Tensor& whole) { return whole.narrow(0, begin, end - begin); };
  at::_fused_adamw_({part(values_)}, {part(gradients)}, {part(first_moment)}, {part(second_moment)},
                    /*max_exp_avg_sqs=*/{}, {num_steps.squeeze(0)}, learning_rate, settings_.beta1,
                    settings_.beta2, weight_decay, settings_.epsilon, /*amsgrad=*/false,
                    /*maximize=*/false);
}

}  // namespace tessera::video
