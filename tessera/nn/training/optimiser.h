// Muon for the hidden matrices, AdamW for the rest, and an average of the weights.
//
// Muon takes the momentum of a matrix's gradient and makes its singular values equal before it
// steps, so that rare directions are learned as fast as common ones. What it is worth on the demo
// video model: docs/decisions/0003-demo-model-recipe.md. Sources: Jordan et al. 2024, "Muon: an
// optimizer for hidden layers" (the quintic iteration and its coefficients); Loshchilov and Hutter
// 2019 (AdamW; the update is Torch's fused one).
#pragma once

#include <ATen/core/Tensor.h>

#include "tessera/nn/training/flat_parameters.h"

namespace tessera::nn {

struct OptimiserSettings {
  double beta1 = 0.9, beta2 = 0.97, epsilon = 1e-8;  // AdamW
  double momentum = 0.95;                            // Muon, with Nesterov's look ahead
  double muon_scale = 0.5;  // root mean square of a Muon update, in units of the learning rate
  double weight_decay = 0.02;
  double max_gradient_norm = 1.0;  // of all gradients together
  double average_decay = 0.999;    // per step
};

class Optimiser {
 public:
  /// `parameters` are updated in place; they must outlive this.
  Optimiser(const FlatParameters& parameters, const OptimiserSettings& settings);

  /// One update from `gradients` [num_values], which are scaled down in place to
  /// max_gradient_norm where they are longer. Returns their norm before that, a tensor on the
  /// device (reading it waits for the device).
  at::Tensor step(at::Tensor gradients, double learning_rate);

  /// What a checkpoint must hold besides the values, all [num_values] but num_steps [1]. For the
  /// hidden matrices first_moment is Muon's momentum and second_moment stays zero.
  at::Tensor first_moment, second_moment, average, num_steps;

 private:
  void step_muon(const MatrixGroup& group, const at::Tensor& gradients, double learning_rate);
  void step_adamw(const FlatRange& range, const at::Tensor& gradients, double learning_rate,
                  double weight_decay);

  const FlatParameters& parameters_;
  OptimiserSettings settings_;
};

/// The nearest matrix with equal singular values, roughly: U S V^T -> U V^T with singular values
/// in about [0.7, 1.2]. matrices [N, rows, columns]; computed in bf16 on a GPU, fp32 on a CPU.
at::Tensor orthogonalise(const at::Tensor& matrices);

}  // namespace tessera::nn
