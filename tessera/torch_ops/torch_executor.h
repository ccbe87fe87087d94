// Torch's thread pool as an Executor, so that one process has one OpenMP runtime.
#pragma once

#include "tessera/core/executor.h"

namespace tessera::torch_ops {

/// Runs on at::get_num_threads() threads of Torch's pool; on the calling thread inside another
/// parallel region of Torch's.
Executor& torch_executor();

}  // namespace tessera::torch_ops
