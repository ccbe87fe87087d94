// PyTorch's own weight files (.pth, .pt): a state dict as torch.save writes it since PyTorch 1.6.
//
// Such a file holds a pickle, which in Python may run any program. Here it runs none: the reader
// knows the few instructions and names a state dict of tensors needs and refuses all others by
// name. Checksums are not looked at, as torch.load does not.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>

#include "tessera/nn/weight_files.h"

namespace tessera::nn {

/// The tensors with their stored dtypes, on the CPU; tensors of one storage share it. Throws
/// IoError (path, rule, value): not such a file, one of the older format, damaged, anything but
/// tensors in it, a weight that is NaN or infinite.
Weights load_torch_checkpoint(const std::filesystem::path& path);

/// The same for bytes in memory; `name` stands for the path in messages.
Weights parse_torch_checkpoint(std::span<const std::byte> bytes, const std::string& name);

}  // namespace tessera::nn
