// Safetensors files: a length, a JSON header, raw little-endian data.
//
// The reader maps the file, checks every bound before it hands out a byte, and executes nothing.
// Source: https://github.com/huggingface/safetensors (format description).
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tessera/core/dtype.h"
#include "tessera/core/file_io.h"

namespace tessera {

/// One array of a file: a view into the mapped bytes, valid as long as the SafetensorsFile lives.
struct StoredTensor {
  DType dtype = DType::kFloat32;
  std::vector<int64_t> shape;
  std::span<const std::byte> bytes;
};

class SafetensorsFile {
 public:
  /// Opens and checks the whole header: sizes, dtypes, offsets, no overlaps, no gaps. Throws
  /// IoError that names the path, the rule and the value found.
  explicit SafetensorsFile(const std::filesystem::path& path);

  /// Checks bytes that are already in memory; `name` stands in for the path in messages.
  SafetensorsFile(std::span<const std::byte> bytes, std::string name);

  const std::map<std::string, StoredTensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  const std::string& name() const { return name_; }

  /// Throws IoError when there is no such tensor.
  const StoredTensor& at(const std::string& tensor) const;

 private:
  void parse(std::span<const std::byte> bytes);

  std::string name_;
  std::unique_ptr<MappedFile> file_;
  std::map<std::string, StoredTensor> tensors_;
  std::map<std::string, std::string> metadata_;
};

/// What save_safetensors writes; `bytes` must have the size that dtype and shape say.
using TensorMap = std::map<std::string, StoredTensor>;

/// Writes a file in one step (temporary file, rename), tensors in the order of their names, data
/// aligned to 8 bytes. Throws InvalidArgument on a size that does not fit, IoError on the disk.
void save_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                      const std::map<std::string, std::string>& metadata = {});

}  // namespace tessera
