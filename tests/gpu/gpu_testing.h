// A fixture that skips without a GPU, and random tensors that are the same on every device.
#pragma once

#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tessera/nn/cuda_module.h"
#include "tessera/nn/device.h"

namespace tessera::testing {

class OnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string reason;
    const nn::CudaModule* cuda = nn::cuda_module(&reason);
    if (cuda == nullptr) GTEST_SKIP() << "the CUDA module did not load: " << reason;
    if (cuda->device_count() == 0) GTEST_SKIP() << "this machine has no GPU";
    gpu = nn::open_device("cuda");
    at::globalContext().setAllowTF32CuBLAS(false);
    at::globalContext().setAllowTF32CuDNN(false);
  }

  /// Normal numbers of fp32, drawn on the CPU.
  static at::Tensor normal(at::IntArrayRef sizes, uint64_t seed) {
    return at::randn(sizes, nn::make_generator(at::kCPU, seed), at::TensorOptions(at::kFloat));
  }

  at::Device gpu = at::kCPU;
};

/// Largest |got - want| over what is allowed there.
inline double worst(const at::Tensor& got, const at::Tensor& want, const at::Tensor& allowed) {
  const auto miss = (got.to(at::kCPU, at::kDouble) - want.to(at::kDouble)).abs();
  return (miss / allowed.to(at::kDouble)).max().item<double>();
}

/// Root of the mean square of got - want, relative to want's.
inline double relative_rms(const at::Tensor& got, const at::Tensor& want) {
  const auto reference = want.to(at::kCPU, at::kDouble);
  const auto miss = got.to(at::kCPU, at::kDouble) - reference;
  return (miss.square().mean() / reference.square().mean()).sqrt().item<double>();
}

}  // namespace tessera::testing
