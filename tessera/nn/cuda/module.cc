#include <cuda_runtime.h>

#include "tessera/core/error.h"
#include "tessera/nn/cuda/module_parts.h"

namespace tessera::nn {
namespace {

int device_count() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

CudaDeviceInfo device_info(int device) {
  cudaDeviceProp properties{};
  const cudaError_t status = cudaGetDeviceProperties(&properties, device);
  if (status != cudaSuccess) {
    throw DeviceError(concat("[device_info] GPU ", device, ": ", cudaGetErrorString(status)));
  }
  return {properties.name, properties.major * 10 + properties.minor,
          static_cast<int64_t>(properties.totalGlobalMem), properties.multiProcessorCount};
}

const char* built_for() { return TESSERA_CUDA_ARCHITECTURES; }

}  // namespace
}  // namespace tessera::nn

extern "C" __attribute__((visibility("default"))) const tessera::nn::CudaModule*
tessera_cuda_module() {
  using namespace tessera::nn;
  static const CudaModule table = {sizeof(CudaModule),
                                   device_count,
                                   device_info,
                                   built_for,
                                   cuda_parts::self_test,
                                   cuda_parts::make_nccl,
                                   cuda_parts::make_step_graph};
  return &table;
}
