// A kernel of ours on the device, checked: the driver accepts the code, memory works both ways.
#include <vector>

#include "tessera/core/error.h"
#include "tessera/nn/cuda/module_parts.h"

namespace tessera::nn::cuda_parts {
namespace {

// y[i] = a x[i] + y[i], whole numbers below 2^24, so that the result is exact.
__global__ void scaled_sum_kernel(int count, float a, const float* x, float* y) {
  const int index = blockIdx.x * blockDim.x + threadIdx.x;
  if (index < count) y[index] = a * x[index] + y[index];
}

void check(cudaError_t status, const char* step) {
  if (status != cudaSuccess) {
    throw DeviceError(concat("[self_test] ", step, ": ", cudaGetErrorString(status)));
  }
}

struct DeviceBuffer {
  explicit DeviceBuffer(size_t bytes) { check(cudaMalloc(&data, bytes), "allocation"); }
  ~DeviceBuffer() { cudaFree(data); }
  void* data = nullptr;
};

}  // namespace

void self_test(int device) {
  constexpr int kCount = 1 << 16;
  check(cudaSetDevice(device), "device");
  std::vector<float> x(kCount), y(kCount);
  for (int i = 0; i < kCount; ++i) {
    x[i] = static_cast<float>(i);
    y[i] = static_cast<float>(7 * i);
  }
  const size_t bytes = kCount * sizeof(float);
  const DeviceBuffer device_x(bytes), device_y(bytes);
  check(cudaMemcpy(device_x.data, x.data(), bytes, cudaMemcpyHostToDevice), "copy to the device");
  check(cudaMemcpy(device_y.data, y.data(), bytes, cudaMemcpyHostToDevice), "copy to the device");
  scaled_sum_kernel<<<kCount / 256, 256>>>(kCount, 3.0f, static_cast<const float*>(device_x.data),
                                           static_cast<float*>(device_y.data));
  check(cudaGetLastError(), "launch");
  check(cudaMemcpy(y.data(), device_y.data, bytes, cudaMemcpyDeviceToHost), "copy back");
  for (int i = 0; i < kCount; ++i) {
    if (y[i] != static_cast<float>(10 * i)) {
      throw DeviceError(concat("[self_test] element ", i, " must be ", 10 * i, ", got: ", y[i]));
    }
  }
}

}  // namespace tessera::nn::cuda_parts
