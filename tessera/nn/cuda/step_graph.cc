// Recording through Torch's CUDAGraph, whose memory pool keeps the tensors of a recording apart.
#include <ATen/cuda/CUDAEvent.h>
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "tessera/nn/cuda/module_parts.h"

namespace tessera::nn::cuda_parts {
namespace {

class TorchStepGraph final : public StepGraph {
 public:
  void record(const std::function<void()>& body) override {
    // The default stream cannot be recorded.
    const c10::cuda::CUDAStream stream = c10::cuda::getStreamFromPool();
    at::cuda::CUDAEvent is_ready;
    is_ready.record(c10::cuda::getCurrentCUDAStream());
    is_ready.block(stream);
    const c10::cuda::CUDAStreamGuard guard(stream);
    // Only this thread's calls are watched: others pin memory for pictures to come meanwhile.
    graph_.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
    body();
    graph_.capture_end();
  }

  void replay() override { graph_.replay(); }

 private:
  at::cuda::CUDAGraph graph_;
};

}  // namespace

std::unique_ptr<StepGraph> make_step_graph() { return std::make_unique<TorchStepGraph>(); }

}  // namespace tessera::nn::cuda_parts
