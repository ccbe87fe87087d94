#include "tessera/nn/weight_files.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>
#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/safetensors.h"

namespace tessera::nn {
namespace {

namespace fs = std::filesystem;

constexpr std::pair<DType, at::ScalarType> kTypes[] = {
    {DType::kFloat64, at::kDouble},    {DType::kFloat32, at::kFloat}, {DType::kFloat16, at::kHalf},
    {DType::kBFloat16, at::kBFloat16}, {DType::kInt64, at::kLong},    {DType::kInt32, at::kInt},
    {DType::kInt16, at::kShort},       {DType::kUInt8, at::kByte},    {DType::kInt8, at::kChar},
    {DType::kBool, at::kBool}};

at::Tensor to_tensor(const SafetensorsFile& file, const std::string& name,
                     const StoredTensor& stored, std::optional<at::ScalarType> dtype) {
  const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes),
                                  [&](const auto& pair) { return pair.first == stored.dtype; });
  // Copied, not viewed: the mapping ends with the file, and its data need not be aligned.
  auto tensor = at::empty(stored.shape, type->second);
  if (!stored.bytes.empty())
    std::memcpy(tensor.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
  if (!tensor.is_floating_point()) return tensor;
  if (!at::isfinite(tensor).all().item<bool>())
    throw IoError(concat(file.name(), ": tensor \"", name, "\" must be finite, got: NaN or Inf"));
  return dtype ? tensor.to(*dtype) : tensor;
}

void add_file(Weights& weights, const fs::path& path, std::optional<at::ScalarType> dtype) {
  const SafetensorsFile file(path);
  for (const auto& [name, stored] : file.tensors()) {
    if (!weights.tensors.emplace(name, to_tensor(file, name, stored, dtype)).second)
      throw IoError(
          concat(path.string(), ": tensor \"", name, "\" must be stored once, got: another file"));
  }
  weights.metadata.insert(file.metadata().begin(), file.metadata().end());
}

std::vector<fs::path> files_ending_in(const fs::path& folder, const std::string& ending) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    if (entry->path().filename().string().ends_with(ending)) found.push_back(entry->path());
  }
  if (error) throw IoError(concat(folder.string(), ": cannot be listed: ", error.message()));
  std::sort(found.begin(), found.end());
  return found;
}

/// Tensor -> file name, as the index says.
Metadata read_index(const fs::path& path) {
  const auto json = nlohmann::json::parse(read_text(path), nullptr, false);
  const auto require = [&](bool condition, const auto&... parts) {
    if (!condition) throw IoError(concat(path.string(), ": ", parts...));
  };
  require(json.is_object() && json.contains("weight_map") && json["weight_map"].is_object(),
          "must be a JSON object with an object \"weight_map\"");
  Metadata files;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    require(file.is_string(), "weight_map entry \"", tensor, "\" must be a file name");
    const auto name = file.get<std::string>();
    // A name only: an index must not reach files outside its folder.
    require(name == fs::path(name).filename() && name.ends_with(".safetensors"),
            "weight_map entry \"", tensor,
            "\" must be the name of a safetensors file, got: ", name);
    files[tensor] = name;
  }
  return files;
}

void load_sharded(Weights& weights, const fs::path& index, std::optional<at::ScalarType> dtype) {
  const Metadata file_of = read_index(index);
  std::set<std::string> names;
  for (const auto& [tensor, file] : file_of) names.insert(file);
  for (const auto& name : names) add_file(weights, index.parent_path() / name, dtype);
  for (const auto& [tensor, file] : file_of) {
    if (!weights.tensors.contains(tensor))
      throw IoError(concat(index.string(), ": tensor \"", tensor, "\" is not in ", file));
  }
  for (const auto& [tensor, value] : weights.tensors) {
    if (!file_of.contains(tensor))
      throw IoError(concat(index.string(), ": does not list tensor \"", tensor, "\""));
  }
}

}  // namespace

Weights load_weights(const fs::path& path, std::optional<at::ScalarType> dtype) {
  Weights weights;
  weights.source = path.string();
  if (!fs::is_directory(path)) {
    add_file(weights, path, dtype);
    return weights;
  }
  const auto indices = files_ending_in(path, ".safetensors.index.json");
  if (indices.size() > 1)
    throw IoError(
        concat(path.string(), ": must hold one .safetensors.index.json, got: ", indices.size()));
  if (!indices.empty()) {
    load_sharded(weights, indices[0], dtype);
    return weights;
  }
  const auto files = files_ending_in(path, ".safetensors");
  if (files.empty()) throw IoError(concat(path.string(), ": holds no *.safetensors file"));
  for (const auto& file : files) add_file(weights, file, dtype);
  return weights;
}

void save_weights(const fs::path& path, const NamedTensors& tensors, const Metadata& metadata) {
  std::vector<at::Tensor> alive;
  TensorMap stored;
  for (const auto& [name, tensor] : tensors) {
    const auto& dense = alive.emplace_back(tensor.detach().to(at::kCPU).contiguous());
    const auto* type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& pair) {
      return pair.second == dense.scalar_type();
    });
    TESSERA_CHECK(type != std::end(kTypes), "[save_weights] tensor \"", name,
                  "\" must have a dtype that safetensors knows, got: ", dense.dtype());
    stored[name] = {type->first,
                    dense.sizes().vec(),
                    {static_cast<const std::byte*>(dense.const_data_ptr()), dense.nbytes()}};
  }
  save_safetensors(path, stored, metadata);
}

}  // namespace tessera::nn
