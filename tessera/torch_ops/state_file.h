// A skip state's tensors checked, written to a file and read from one: attention::check_state,
// SkipState::save and load. Format: docs/attention/state.md.
#pragma once

#include <filesystem>

#include <torch/library.h>

#include "tessera/torch_ops/attention.h"

namespace tessera::torch_ops {

/// Throws InvalidArgument unless every documented invariant holds, bits and spent included.
void check_state(const SkipStateTensors& state);

/// Writes the file in one step. Throws InvalidArgument if an invariant is broken, IoError on the
/// disk.
void save_state(const SkipStateTensors& state, const std::filesystem::path& path);

/// Throws IoError that begins with the path, for a broken invariant too.
SkipStateTensors load_state(const std::filesystem::path& path);

/// The operators check_state, save_state and load_state. They look at values and at the disk, so
/// they are for eager code on the CPU: a compiler that traced them would drop them.
void register_state_file(torch::Library& library);

}  // namespace tessera::torch_ops
