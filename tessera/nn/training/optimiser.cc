#include "tessera/nn/training/optimiser.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/baddbmm.h>
#include <ATen/ops/bmm.h>
#include <ATen/ops/lerp.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace tessera::nn {
namespace {

at::Tensor part(const at::Tensor& whole, const FlatRange& range) {
  return whole.narrow(0, range.begin, range.size());
}

}  // namespace

Optimiser::Optimiser(const FlatParameters& parameters, const OptimiserSettings& settings)
    : first_moment(at::zeros_like(parameters.values())),
      second_moment(at::zeros_like(parameters.values())),
      average(parameters.values().clone()),
      num_steps(at::zeros({1}, parameters.values().options())),
      parameters_(parameters),
      settings_(settings) {}

at::Tensor Optimiser::step(at::Tensor gradients, double learning_rate) {
  const at::NoGradGuard no_grad;
  const at::Tensor norm = at::linalg_vector_norm(gradients);
  gradients.mul_((settings_.max_gradient_norm / (norm + 1e-6)).clamp_max(1.0));
  num_steps.add_(1);
  for (const auto& group : parameters_.matrix_groups()) step_muon(group, gradients, learning_rate);
  step_adamw(parameters_.tables(), gradients, learning_rate, settings_.weight_decay);
  step_adamw(parameters_.vectors(), gradients, learning_rate, 0.0);
  // Early on the average must not remember the initial weights: a short memory until it is as long
  // as the decay says.
  const auto decay = (num_steps / (num_steps + 10.0)).clamp_max(settings_.average_decay);
  average.add_((parameters_.values() - average) * (1.0 - decay));
  return norm;
}

void Optimiser::step_muon(const MatrixGroup& group, const at::Tensor& gradients,
                          double learning_rate) {
  const auto matrices = [&](const at::Tensor& whole) {
    return part(whole, group.range).view({group.count, group.rows, group.columns});
  };
  const at::Tensor gradient = matrices(gradients);
  at::Tensor momentum = matrices(first_moment);
  momentum.lerp_(gradient, 1 - settings_.momentum);
  const at::Tensor direction = orthogonalise(at::lerp(gradient, momentum, settings_.momentum));
  // An orthogonal matrix of rank min(r, c) has entries of root mean square 1 / sqrt(max(r, c)).
  const double size = std::sqrt(static_cast<double>(std::max(group.rows, group.columns)));
  at::Tensor values = matrices(parameters_.values());
  values.mul_(1 - settings_.weight_decay * learning_rate);
  values.sub_(direction, settings_.muon_scale * size * learning_rate);
}

void Optimiser::step_adamw(const FlatRange& range, const at::Tensor& gradients,
                           double learning_rate, double weight_decay) {
  if (range.size() == 0) return;
  at::_fused_adamw_({part(parameters_.values(), range)}, {part(gradients, range)},
                    {part(first_moment, range)}, {part(second_moment, range)},
                    /*max_exp_avg_sqs=*/{}, {num_steps.squeeze(0)}, learning_rate, settings_.beta1,
                    settings_.beta2, weight_decay, settings_.epsilon, /*amsgrad=*/false,
                    /*maximize=*/false);
}

at::Tensor orthogonalise(const at::Tensor& matrices) {
  const at::NoGradGuard no_grad;
  const bool is_tall = matrices.size(1) > matrices.size(2);
  at::Tensor x = matrices.is_cuda() ? matrices.to(at::kBFloat16) : matrices;
  if (is_tall) x = x.transpose(1, 2);
  x = x / (at::linalg_vector_norm(x, 2, at::IntArrayRef{1, 2}, /*keepdim=*/true) + 1e-7);
  // Odd quintic a s + b s^3 + c s^5 on the singular values, whose slope at zero is as steep as
  // convergence to about one allows.
  constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
  for (int iteration = 0; iteration < 5; ++iteration) {
    const at::Tensor square = at::bmm(x, x.transpose(1, 2));
    const at::Tensor polynomial = at::baddbmm(square, square, square, kB, kC);
    x = at::baddbmm(x, polynomial, x, kA, 1.0);
  }
  if (is_tall) x = x.transpose(1, 2);
  return x.to(at::kFloat);
}

}  // namespace tessera::nn
