#include "tessera/nn/communicator.h"

#include <string>

#include "tessera/core/error.h"
#include "tessera/nn/cuda_module.h"
#include "tessera/nn/device.h"

namespace tessera::nn {
namespace {

class SingleCommunicator final : public Communicator {
 public:
  int rank() const override { return 0; }
  int world_size() const override { return 1; }
  void all_reduce_mean(at::Tensor&) override {}
};

}  // namespace

std::unique_ptr<Communicator> make_single_communicator() {
  return std::make_unique<SingleCommunicator>();
}

std::unique_ptr<Communicator> make_nccl_communicator(int rank, int world_size, int device,
                                                     const std::filesystem::path& meeting_file) {
  std::string reason;
  const CudaModule* cuda = cuda_module(&reason);
  if (cuda == nullptr) {
    throw Unsupported(concat("[make_nccl_communicator] the CUDA module did not load: ", reason));
  }
  return cuda->make_nccl_communicator(rank, world_size, device, meeting_file);
}

}  // namespace tessera::nn
