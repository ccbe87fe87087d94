// Numbers read from a device without stopping it.
#pragma once

#include <optional>

#include <ATen/core/Tensor.h>
#include <c10/core/Event.h>

namespace tessera::nn {

/// A few numbers on their way from the device: sent with the work that makes them, received later
/// without waiting for what was queued in between.
class DelayedNumbers {
 public:
  /// numbers: fp32, on any device.
  void send(const at::Tensor& numbers);

  /// The numbers of the last send(), valid until the next receive(); null when they were received
  /// already or nothing was sent.
  const double* receive();

 private:
  at::Tensor host_, values_;
  std::optional<c10::Event> event_;
};

}  // namespace tessera::nn
