// Ranks of one training job: each has its own device and sums gradients with the others.
#pragma once

#include <filesystem>
#include <memory>

namespace at {
class Tensor;
}

namespace tessera::nn {

class Communicator {
 public:
  virtual ~Communicator() = default;
  virtual int rank() const = 0;
  virtual int world_size() const = 0;

  /// Replaces a contiguous tensor on this rank's device by the mean over all ranks. Every rank
  /// calls it with the same shape, in the same order.
  virtual void all_reduce_mean(at::Tensor& tensor) = 0;
};

/// One rank that talks to nobody.
std::unique_ptr<Communicator> make_single_communicator();

/// Joins `world_size` processes of one machine through NCCL; rank 0 leaves the job's identifier in
/// `meeting_file`, the others wait for it (60 seconds at most). The file must be of this job: the
/// caller picks a fresh name. Throws Unsupported without the CUDA module, DeviceError when NCCL
/// fails, IoError when nobody comes.
std::unique_ptr<Communicator> make_nccl_communicator(int rank, int world_size, int device,
                                                     const std::filesystem::path& meeting_file);

}  // namespace tessera::nn
