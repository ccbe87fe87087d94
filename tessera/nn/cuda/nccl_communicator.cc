// Ranks joined through NCCL, by way of Torch's own wrapper of it.
#include <chrono>
#include <cstring>
#include <thread>

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAGuard.h>
#include <torch/csrc/cuda/nccl.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/nn/cuda/module_parts.h"

namespace tessera::nn::cuda_parts {
namespace {

namespace nccl = torch::cuda::nccl;

class NcclCommunicator final : public Communicator {
 public:
  NcclCommunicator(int rank, int world_size, int device, const nccl::ncclUniqueId& id)
      : rank_(rank), world_size_(world_size), device_(device) {
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device_));
    communicator_ = nccl::comm_init_rank(world_size, id, rank);
  }
  ~NcclCommunicator() override { nccl::comm_destroy(communicator_); }

  int rank() const override { return rank_; }
  int world_size() const override { return world_size_; }

  void all_reduce_mean(at::Tensor& tensor) override {
    TESSERA_CHECK(tensor.is_contiguous() && tensor.device().index() == device_,
                  "[all_reduce_mean] the tensor must be contiguous and on GPU ", device_);
    const c10::cuda::CUDAGuard guard(static_cast<c10::DeviceIndex>(device_));
    std::vector<at::Tensor> inputs = {tensor};
    std::vector<at::Tensor> outputs = {tensor};
    // Torch's wrapper orders the call on the current stream; the mean is taken on the same stream.
    nccl::all_reduce(inputs, outputs, /*op=*/0, {}, {communicator_});
    tensor.div_(world_size_);
  }

 private:
  int rank_, world_size_, device_;
  nccl::ncclComm_t communicator_ = nullptr;
};

nccl::ncclUniqueId meet(int rank, const std::filesystem::path& meeting_file) {
  nccl::ncclUniqueId id{};
  if (rank == 0) {
    nccl::get_unique_id(id);
    AtomicFile file(meeting_file);
    file.write(std::as_bytes(std::span(&id, 1)));
    file.commit();
    return id;
  }
  constexpr int kWaitSeconds = 60;
  for (int waited = 0; waited < kWaitSeconds * 20; ++waited) {
    if (std::filesystem::exists(meeting_file)) {
      const MappedFile file(meeting_file);
      if (file.bytes().size() != sizeof(id)) {
        throw IoError(concat(meeting_file.string(), ": a meeting file has ", sizeof(id),
                             " bytes, got: ", file.bytes().size()));
      }
      std::memcpy(&id, file.bytes().data(), sizeof(id));
      return id;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  throw IoError(
      concat(meeting_file.string(), ": rank 0 did not appear in ", kWaitSeconds, " seconds"));
}

}  // namespace

std::unique_ptr<Communicator> make_nccl(int rank, int world_size, int device,
                                        const std::filesystem::path& meeting_file) {
  TESSERA_CHECK(world_size >= 1 && rank >= 0 && rank < world_size,
                "[make_nccl_communicator] rank must be in [0, ", world_size, "), got: ", rank);
  try {
    auto communicator =
        std::make_unique<NcclCommunicator>(rank, world_size, device, meet(rank, meeting_file));
    if (rank == 0) std::filesystem::remove(meeting_file);  // everybody has read it
    return communicator;
  } catch (const c10::Error& error) {
    throw DeviceError(concat("[make_nccl_communicator] ", error.what_without_backtrace()));
  }
}

}  // namespace tessera::nn::cuda_parts
