// Which device computes, chosen by name and never silently another.
#pragma once

#include <cstdint>
#include <string>

namespace at {
struct Generator;
}
namespace c10 {
struct Device;
}

namespace tessera::nn {

struct CudaModule;

/// The loaded CUDA module, or null; `reason` (if not null) then says why there is none.
const CudaModule* cuda_module(std::string* reason = nullptr);

/// "cpu", "cuda", "cuda:1", ... -> the device. Throws InvalidArgument for another word or a GPU
/// that is not there, Unsupported when the CUDA module does not load.
c10::Device open_device(const std::string& name);

/// A generator of random numbers on the device, seeded.
at::Generator make_generator(c10::Device device, uint64_t seed);

}  // namespace tessera::nn
