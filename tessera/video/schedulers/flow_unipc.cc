#include "tessera/video/schedulers/flow_unipc.h"

#include <algorithm>
#include <cmath>

#include <ATen/TensorOperators.h>

#include "tessera/core/error.h"

namespace tessera::video {
namespace {

// The noisiest sigma of Wan's training schedule, 1 - 1/1000, as the fp32 number it is there.
constexpr float kLargestSigma = 0.999f;

}  // namespace

FlowUniPc::FlowUniPc(int64_t steps, double shift) {
  TESSERA_CHECK(steps >= 1 && steps <= 1000,
                "[FlowUniPc] steps must be in [1, 1000], got: ", steps);
  TESSERA_CHECK(shift > 0 && std::isfinite(shift), "[FlowUniPc] shift must be > 0, got: ", shift);
  for (int64_t i = 0; i < steps; ++i) {
    const double base = kLargestSigma * (1 - static_cast<double>(i) / static_cast<double>(steps));
    const double sigma = shift * base / (1 + (shift - 1) * base);
    sigmas_.push_back(static_cast<float>(sigma));
    timesteps_.push_back(static_cast<int64_t>(sigma * 1000));
  }
  sigmas_.push_back(0);
}

double FlowUniPc::lambda(int64_t index) const {
  return std::log(1 - sigmas_[index]) - std::log(sigmas_[index]);  // infinite at sigma 0
}

at::Tensor FlowUniPc::step(const at::Tensor& x0, const at::Tensor& sample) {
  const auto now = static_cast<int64_t>(x0_.size());
  TESSERA_CHECK(now < num_steps(), "[FlowUniPc] all ", num_steps(), " steps are done");
  x0_.push_back(x0);
  corrected_ = now == 0 ? sample : correct(now);
  // Two predictions are needed for order 2, and the last step must land on x0.
  order_ = now == 0 || now == num_steps() - 1 ? 1 : 2;
  if (now >= 2) x0_[now - 2].reset();  // frees the memory; the next step reads two back at most
  return advance(corrected_, now, order_);
}

/// The predictor: from sigma `origin` to the next one.
at::Tensor FlowUniPc::advance(const at::Tensor& sample, int64_t origin, int64_t order) const {
  const double h = lambda(origin + 1) - lambda(origin);
  const double scale = -(1 - sigmas_[origin + 1]) * std::expm1(-h);
  auto next = sample * (sigmas_[origin + 1] / sigmas_[origin]) + x0_[origin] * scale;
  if (order == 1) return next;
  const double ratio = (lambda(origin - 1) - lambda(origin)) / h;
  return next + (x0_[origin - 1] - x0_[origin]) * (scale * 0.5 / ratio);
}

/// The corrector: goes the previous interval again, from the sample corrected there, now that the
/// prediction at its end is known; at the order the predictor had.
at::Tensor FlowUniPc::correct(int64_t now) const {
  const int64_t previous = now - 1;
  const double h = lambda(now) - lambda(previous);
  const double b = std::expm1(-h);
  const double scale = -(1 - sigmas_[now]) * b;
  auto sample = corrected_ * (sigmas_[now] / sigmas_[previous]) + x0_[previous] * scale;
  const auto newest = x0_[now] - x0_[previous];
  if (order_ == 1) return sample + newest * (0.5 * scale);

  // rho_1 + rho_c = b1 and r rho_1 + rho_c = b2 match the terms of second order.
  const double z = -h;
  const double phi2 = std::expm1(z) / z - 1, phi3 = phi2 / z - 0.5;
  const double b1 = phi2 / b, b2 = 2 * phi3 / b;
  const double ratio = (lambda(previous - 1) - lambda(previous)) / h;
  const double rho_1 = (b1 - b2) / (1 - ratio), rho_c = b1 - rho_1;
  sample = sample + (x0_[previous - 1] - x0_[previous]) * (scale * rho_1 / ratio);
  return sample + newest * (scale * rho_c);
}

}  // namespace tessera::video
