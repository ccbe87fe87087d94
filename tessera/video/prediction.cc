#include "tessera/video/prediction.h"

#include <ATen/TensorOperators.h>

namespace tessera::video {
namespace {

/// x0 = skip x + scale output. With the data's standard deviation d, x has variance
/// a = (1 - sigma)^2 d^2 + sigma^2; skip x is the best linear guess of x0, scale the standard
/// deviation of its error, so the network's target has unit variance at every sigma.
/// Source: Karras et al. 2022, section 5, written for flow matching's x.
struct Preconditioning {
  explicit Preconditioning(const at::Tensor& sigma) {
    constexpr double kDataDeviation = 0.5;
    const auto clean_share = (1.0 - sigma) * kDataDeviation;
    const auto variance = clean_share.square() + sigma.square();
    skip = clean_share * kDataDeviation / variance;
    scale = sigma * kDataDeviation / variance.sqrt();
  }
  at::Tensor skip, scale;
};

}  // namespace

at::Tensor clean_sample(Prediction prediction, const at::Tensor& output, const at::Tensor& x,
                        const at::Tensor& sigma) {
  switch (prediction) {
    case Prediction::kVelocity:
      return x - sigma * output;
    case Prediction::kSample:
      return output;
    case Prediction::kPreconditioned: {
      const Preconditioning factors(sigma);
      return factors.skip * x + factors.scale * output;
    }
  }
  return output;
}

at::Tensor velocity(Prediction prediction, const at::Tensor& output, const at::Tensor& x,
                    const at::Tensor& sigma) {
  if (prediction == Prediction::kVelocity) return output;
  return (x - clean_sample(prediction, output, x, sigma)) / sigma;
}

at::Tensor prediction_error(Prediction prediction, const at::Tensor& output, const at::Tensor& x0,
                            const at::Tensor& x, const at::Tensor& sigma) {
  const at::Tensor error = clean_sample(prediction, output, x, sigma) - x0;
  // A unit of output moves the clean sample by this much; the error is wanted per unit of output,
  // except that a clean sample's error counts as the velocity's, with sigma kept off zero.
  switch (prediction) {
    case Prediction::kVelocity:
      return error / sigma;
    case Prediction::kSample:
      return error / sigma.clamp_min(0.05);
    case Prediction::kPreconditioned:
      return error / Preconditioning(sigma).scale;
  }
  return error;
}

}  // namespace tessera::video
