// Weight files <-> tensors and modules.
//
// A model's weights are one safetensors file or a folder of them, with Hugging Face's index file
// where they are split into shards. Nothing is loaded halfway: a missing, unexpected, misshapen or
// non-finite tensor is an error that names it.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace torch::nn {
class Module;
}

namespace tessera::nn {

using NamedTensors = std::map<std::string, at::Tensor>;
using Metadata = std::map<std::string, std::string>;

struct Weights {
  /// The file or folder they came from, for messages.
  std::string source;
  NamedTensors tensors;
  Metadata metadata;
};

/// Reads one file, or every *.safetensors of a folder: those that `*.safetensors.index.json`
/// names, else all. `dtype` converts the floating-point tensors; nothing keeps what is stored.
///
/// Throws IoError (path, rule, value): nothing there, damaged file, the index and the shards
/// disagree, a tensor stored twice, a weight that is NaN or infinite.
Weights load_weights(const std::filesystem::path& path,
                     std::optional<at::ScalarType> dtype = std::nullopt);

/// A module whose keys carry a prefix in the file; "" for none, else it ends in a dot.
struct ModulePart {
  std::string prefix;
  torch::nn::Module* module = nullptr;
};

/// Copies the weights into the modules, converting to their dtype and device. Throws IoError that
/// lists every missing, unexpected and misshapen tensor; then no module has been changed.
void load_modules(const Weights& weights, const std::vector<ModulePart>& parts);

/// The parameters and buffers of the modules under their names in the file.
NamedTensors module_tensors(const std::vector<ModulePart>& parts);

/// Writes one safetensors file in one step, from any device and any strides.
void save_weights(const std::filesystem::path& path, const NamedTensors& tensors,
                  const Metadata& metadata = {});

}  // namespace tessera::nn
