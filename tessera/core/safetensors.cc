#include "tessera/core/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include <nlohmann/json.hpp>

#include "tessera/core/error.h"

namespace tessera {
namespace {

// The format's own limit on the header (100 MB); the largest Wan file has one of about 100 kB.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;

constexpr std::pair<const char*, DType> kDTypes[] = {
    {"F64", DType::kFloat64},   {"F32", DType::kFloat32}, {"F16", DType::kFloat16},
    {"BF16", DType::kBFloat16}, {"I64", DType::kInt64},   {"I32", DType::kInt32},
    {"I16", DType::kInt16},     {"U8", DType::kUInt8},    {"I8", DType::kInt8},
    {"BOOL", DType::kBool}};

/// Product of the extents times the element's size; false on overflow.
bool bytes_of(DType dtype, const std::vector<int64_t>& shape, uint64_t& bytes) {
  bytes = dtype_bytes(dtype);
  for (const int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, static_cast<uint64_t>(extent), &bytes))
      return false;
  }
  return true;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path)
    : name_(path.string()), file_(std::make_unique<MappedFile>(path)) {
  parse(file_->bytes());
}

SafetensorsFile::SafetensorsFile(std::span<const std::byte> bytes, std::string name)
    : name_(std::move(name)) {
  parse(bytes);
}

const StoredTensor& SafetensorsFile::at(const std::string& tensor) const {
  const auto found = tensors_.find(tensor);
  if (found == tensors_.end()) throw IoError(concat(name_, ": has no tensor \"", tensor, "\""));
  return found->second;
}

void SafetensorsFile::parse(std::span<const std::byte> bytes) {
  const auto require = [this](bool condition, const auto&... parts) {
    if (!condition) throw IoError(concat(name_, ": not a valid safetensors file: ", parts...));
  };
  require(bytes.size() >= 8, "it has ", bytes.size(), " bytes, the header alone needs 8");
  uint64_t header_bytes = 0;
  static_assert(std::endian::native == std::endian::little);
  std::memcpy(&header_bytes, bytes.data(), 8);
  require(header_bytes <= kMaxHeaderBytes && header_bytes <= bytes.size() - 8, "the header claims ",
          header_bytes, " bytes, the file has ", bytes.size());
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + 8;
  const auto data = bytes.subspan(8 + header_bytes);

  // Nesting deeper than the format's three levels is refused while parsing: an adversarial header
  // must not exhaust the stack.
  const auto depth_guard = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    require(depth <= 4, "the header is nested deeper than the format allows");
    return true;
  };
  nlohmann::json header;
  try {
    header = nlohmann::json::parse(text, text + header_bytes, depth_guard);
  } catch (const nlohmann::json::exception&) {
    require(false, "the header is not JSON");
  }
  require(header.is_object(), "the header is not a JSON object");

  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") {
      require(entry.is_object(), "__metadata__ is not an object");
      for (const auto& [name, value] : entry.items()) {
        require(value.is_string(), "__metadata__ entry \"", name, "\" is not text");
        metadata_[name] = value.get<std::string>();
      }
      continue;
    }
    require(entry.is_object() && entry.contains("dtype") && entry["dtype"].is_string() &&
                entry.contains("shape") && entry["shape"].is_array() &&
                entry.contains("data_offsets") && entry["data_offsets"].is_array() &&
                entry["data_offsets"].size() == 2,
            "tensor \"", key, "\" lacks dtype, shape or data_offsets");
    StoredTensor tensor;
    const auto dtype = entry["dtype"].get<std::string>();
    const auto* known = std::find_if(std::begin(kDTypes), std::end(kDTypes),
                                     [&](const auto& pair) { return dtype == pair.first; });
    require(known != std::end(kDTypes), "tensor \"", key, "\" has dtype \"", dtype, "\"");
    tensor.dtype = known->second;
    for (const auto& extent : entry["shape"]) {
      require(extent.is_number_unsigned() && extent.get<uint64_t>() <= INT64_MAX, "tensor \"", key,
              "\" has an extent that is not a whole number >= 0");
      tensor.shape.push_back(extent.get<int64_t>());
    }
    const auto& offsets = entry["data_offsets"];
    require(offsets[0].is_number_unsigned() && offsets[1].is_number_unsigned(), "tensor \"", key,
            "\" has offsets that are not whole numbers >= 0");
    const auto begin = offsets[0].get<uint64_t>();
    const auto end = offsets[1].get<uint64_t>();
    uint64_t expected = 0;
    require(begin <= end && end <= data.size(), "tensor \"", key, "\" lies at bytes [", begin, ", ",
            end, ") of ", data.size());
    require(bytes_of(tensor.dtype, tensor.shape, expected) && expected == end - begin, "tensor \"",
            key, "\" has ", end - begin, " bytes, its shape needs ", expected);
    tensor.bytes = data.subspan(begin, end - begin);
    ranges.emplace_back(begin, end);
    tensors_.emplace(key, std::move(tensor));
  }
  std::sort(ranges.begin(), ranges.end());
  uint64_t covered = 0;
  for (const auto& [begin, end] : ranges) {
    require(begin == covered, "the data have a gap or overlap at byte ", covered);
    covered = end;
  }
  require(covered == data.size(), data.size() - covered, " bytes follow the last tensor");
}

void save_safetensors(const std::filesystem::path& path, const TensorMap& tensors,
                      const std::map<std::string, std::string>& metadata) {
  nlohmann::json header = nlohmann::json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  uint64_t offset = 0;
  for (const auto& entry : tensors) {
    const auto& [name, tensor] = entry;
    uint64_t expected = 0;
    TESSERA_CHECK(bytes_of(tensor.dtype, tensor.shape, expected) && expected == tensor.bytes.size(),
                  "[save_safetensors] tensor \"", name, "\" must have ", expected,
                  " bytes, got: ", tensor.bytes.size());
    const DType dtype = tensor.dtype;
    const auto* stored = std::find_if(std::begin(kDTypes), std::end(kDTypes),
                                      [dtype](const auto& pair) { return pair.second == dtype; });
    header[name] = {{"dtype", stored->first},
                    {"shape", tensor.shape},
                    {"data_offsets", {offset, offset + expected}}};
    offset += expected;
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  const uint64_t header_bytes = text.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&header_bytes, 1)));
  file.write(text);
  for (const auto& [name, tensor] : tensors) file.write(tensor.bytes);
  file.commit();
}

}  // namespace tessera
