#include "tessera/nn/autocast.h"

#include <ATen/autocast_mode.h>

namespace tessera::nn {

AutocastOnCuda::AutocastOnCuda(c10::Device device) : is_on_(device.is_cuda()) {
  if (!is_on_) return;
  at::autocast::set_autocast_dtype(at::kCUDA, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCUDA, true);
}

AutocastOnCuda::~AutocastOnCuda() {
  if (!is_on_) return;
  at::autocast::set_autocast_enabled(at::kCUDA, false);
  at::autocast::clear_cache();
}

}  // namespace tessera::nn
