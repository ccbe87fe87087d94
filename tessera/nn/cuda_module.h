// The table through which the program reaches libtessera_cuda.so.
//
// `tessera` itself links torch_cpu and c10 alone. The module links torch_cuda, so that loading it
// registers Torch's CUDA kernels, and adds what Torch leaves to its host: a communicator over
// NCCL, what `doctor` reports, and a check that kernels of ours run on the device. Module and
// program are built together, from the same Torch, so C++ types may pass between them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "tessera/nn/communicator.h"
#include "tessera/nn/step_graph.h"

namespace tessera::nn {

struct CudaDeviceInfo {
  std::string name;
  int compute_capability = 0;  // 90 for Hopper
  int64_t memory_bytes = 0;
  int num_multiprocessors = 0;
};

struct CudaModule {
  /// sizeof(CudaModule) of the side that filled the table; another size means another build.
  uint32_t struct_size = sizeof(CudaModule);

  int (*device_count)() = nullptr;
  CudaDeviceInfo (*device_info)(int device) = nullptr;

  /// GPU architectures that the module's kernels were compiled for, such as "90a 80".
  const char* (*built_for)() = nullptr;

  /// Runs a small kernel of the module on the device and checks its result. Throws DeviceError.
  void (*self_test)(int device) = nullptr;

  /// See make_communicator in communicator.h.
  std::unique_ptr<Communicator> (*make_nccl_communicator)(
      int rank, int world_size, int device, const std::filesystem::path& meeting_file) = nullptr;

  std::unique_ptr<StepGraph> (*make_step_graph)() = nullptr;
};

/// Name of the module's only exported function, of type `const CudaModule* ()`.
inline constexpr char kCudaModuleEntry[] = "tessera_cuda_module";

}  // namespace tessera::nn
