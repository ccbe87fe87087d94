#include "tessera/nn/training/delayed_numbers.h"

#include <ATen/ops/empty.h>
#include <c10/core/impl/VirtualGuardImpl.h>

namespace tessera::nn {

void DelayedNumbers::send(const at::Tensor& numbers) {
  const bool is_cpu = numbers.is_cpu();
  // Pinned memory: only then does the copy run behind the host's back.
  host_ = at::empty(numbers.sizes(), at::TensorOptions().dtype(at::kFloat).pinned_memory(!is_cpu));
  host_.copy_(numbers, /*non_blocking=*/!is_cpu);
  if (is_cpu) return;
  const auto device = numbers.device();
  event_.emplace(device.type());
  event_->record(c10::impl::VirtualGuardImpl(device.type()).getStream(device));
}

const double* DelayedNumbers::receive() {
  if (!host_.defined()) return nullptr;
  if (event_) event_->synchronize();
  values_ = host_.to(at::kDouble);
  host_.reset();
  return values_.const_data_ptr<double>();
}

}  // namespace tessera::nn
