#include "tessera/nn/device.h"

#include <charconv>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <c10/core/Device.h>

#include "tessera/core/error.h"
#include "tessera/core/module_loader.h"
#include "tessera/nn/cuda_module.h"

namespace tessera::nn {

const CudaModule* cuda_module(std::string* reason) {
  const LoadedModule& library = load_module("libtessera_cuda.so");
  if (reason != nullptr) *reason = library.error;
  auto* entry = reinterpret_cast<const CudaModule* (*)()>(library.symbol(kCudaModuleEntry));
  if (entry == nullptr) return nullptr;
  const CudaModule* table = entry();
  if (table->struct_size != sizeof(CudaModule)) {
    if (reason != nullptr) *reason = library.path + " is of another build than the program";
    return nullptr;
  }
  return table;
}

c10::Device open_device(const std::string& name) {
  if (name == "cpu") return {c10::DeviceType::CPU};
  int index = 0;
  const std::string prefix = "cuda:";
  if (name != "cuda") {
    const char* end = name.data() + name.size();
    const auto [rest, error] =
        std::from_chars(name.data() + std::min(prefix.size(), name.size()), end, index);
    TESSERA_CHECK(name.starts_with(prefix) && error == std::errc() && rest == end && index >= 0,
                  "[device] a device is cpu, cuda or cuda:N, got: ", name);
  }
  std::string reason;
  const CudaModule* cuda = cuda_module(&reason);
  if (cuda == nullptr) {
    throw Unsupported(
        concat("[device] ", name, " needs the CUDA module, which did not load: ", reason));
  }
  const int count = cuda->device_count();
  TESSERA_CHECK(index < count, "[device] a GPU's number must be below the number of GPUs, ", count,
                ", got: ", name);
  return {c10::DeviceType::CUDA, static_cast<c10::DeviceIndex>(index)};
}

at::Generator make_generator(c10::Device device, uint64_t seed) {
  at::Generator generator = device.is_cpu() ? at::detail::createCPUGenerator(seed)
                                            : at::globalContext()
                                                  .getAcceleratorHooksInterface(device.type())
                                                  .getNewGenerator(device.index());
  generator.set_current_seed(seed);
  return generator;
}

}  // namespace tessera::nn
