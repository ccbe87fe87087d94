// What the files of the module give to its table.
#pragma once

#include <filesystem>
#include <memory>

#include "tessera/nn/cuda_module.h"

namespace tessera::nn::cuda_parts {

void self_test(int device);

std::unique_ptr<StepGraph> make_step_graph();

std::unique_ptr<Communicator> make_nccl(int rank, int world_size, int device,
                                        const std::filesystem::path& meeting_file);

}  // namespace tessera::nn::cuda_parts
