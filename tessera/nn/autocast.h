// Products in bf16 on a GPU, as Wan trains and samples; nothing changes on a CPU.
#pragma once

#include <c10/core/Device.h>

namespace tessera::nn {

/// While it lives, Torch's autocast is on with bf16 if the device is a GPU. Not nested.
class AutocastOnCuda {
 public:
  explicit AutocastOnCuda(c10::Device device);
  ~AutocastOnCuda();
  AutocastOnCuda(const AutocastOnCuda&) = delete;
  AutocastOnCuda& operator=(const AutocastOnCuda&) = delete;

 private:
  bool is_on_;
};

}  // namespace tessera::nn
