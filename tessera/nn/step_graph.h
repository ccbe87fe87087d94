// A step's operations on a GPU, recorded once and started again by a single call.
//
// A network of many small operations is bound by the host, which takes 5 to 20 microseconds to
// start each. A recording costs it nothing a step.
#pragma once

#include <functional>

namespace tessera::nn {

class StepGraph {
 public:
  virtual ~StepGraph() = default;

  /// Records what `body` does on the current device: operations on tensors of fixed shapes that
  /// read and write the same memory each time. Nothing is computed yet. The body must have run
  /// before (libraries choose their ways then), must not wait for the device nor copy from the
  /// host, and the tensors that it makes live as long as this. Called once.
  virtual void record(const std::function<void()>& body) = 0;

  /// Does it all on the current stream.
  virtual void replay() = 0;
};

}  // namespace tessera::nn
