// AdamW with an average of the weights, over one vector of parameters.
//
// Source: Loshchilov and Hutter 2019 (decoupled decay). The update itself is Torch's fused one.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

namespace tessera::video {

struct AdamWSettings {
  double beta1 = 0.9, beta2 = 0.97, epsilon = 1e-8;
  double weight_decay = 0.02;
  double max_gradient_norm = 1.0;
  double average_decay = 0.9985;  // per step
};

class AdamW {
 public:
  /// `values` fp32 [N] is updated in place; the first `num_decayed` of it are decayed.
  AdamW(at::Tensor values, int64_t num_decayed, const AdamWSettings& settings);

  /// One update from `gradients` [N], scaled down to max_gradient_norm where they are longer.
  /// Returns their norm before that, a tensor on the device (reading it waits for the device).
  at::Tensor step(at::Tensor gradients, double learning_rate);

  /// What a checkpoint must hold besides the values, all [N]: first and second moments, the
  /// average of the values. num_steps is a tensor [1].
  at::Tensor first_moment, second_moment, average, num_steps;

 private:
  void update(int64_t begin, int64_t end, const at::Tensor& gradients, double learning_rate,
              double weight_decay);

  at::Tensor values_;
  int64_t num_decayed_;
  AdamWSettings settings_;
};

}  // namespace tessera::video
