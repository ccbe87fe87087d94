// UniPC for flow matching, Wan's default solver: order 2, B(h) = expm1(-h), predicts x0.
//
// A noisy sample is x = (1 - sigma) x0 + sigma noise. Each step corrects the sample with the newest
// prediction, then goes on to the next sigma.
// Source: Zhao et al. 2023 (UniPC); Wan2.1, commit 9737cba, wan/utils/fm_solvers_unipc.py, from
// which we differ in two points: the scalar coefficients are fp64 (there: fp32), and a step is
// known by its index, not looked up by its time, which fails there when two times are equal.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace tessera::video {

class FlowUniPc {
 public:
  /// `steps` in [1, 1000], `shift` > 0: sigma' = shift sigma / (1 + (shift - 1) sigma).
  explicit FlowUniPc(int64_t steps, double shift);

  int64_t num_steps() const { return static_cast<int64_t>(timesteps_.size()); }

  /// steps + 1 values from just below 1 down to 0, rounded to fp32 as the original stores them.
  const std::vector<double>& sigmas() const { return sigmas_; }

  /// What the network is told: 1000 sigma before the rounding, cut off.
  const std::vector<int64_t>& timesteps() const { return timesteps_; }

  /// Takes step number `calls so far`: the x0 that the network predicts from `sample`, and that
  /// sample (fp32, any shape); returns the sample at the next sigma. The last step returns x0.
  /// Throws InvalidArgument after the last step.
  at::Tensor step(const at::Tensor& x0, const at::Tensor& sample);

 private:
  double lambda(int64_t index) const;
  at::Tensor advance(const at::Tensor& sample, int64_t origin, int64_t order) const;
  at::Tensor correct(int64_t now) const;

  std::vector<double> sigmas_;
  std::vector<int64_t> timesteps_;
  std::vector<at::Tensor> x0_;  // predictions so far; only the last three are kept
  at::Tensor corrected_;        // the previous step's sample, after its correction
  int64_t order_ = 0;           // of the previous step's predictor
};

}  // namespace tessera::video
