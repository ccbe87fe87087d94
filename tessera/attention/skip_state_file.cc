// The state's file: safetensors with the tensors `bits` and `spent` and the header as metadata.
#include <charconv>
#include <cstring>

#include "tessera/attention/skip_state.h"
#include "tessera/core/error.h"
#include "tessera/core/safetensors.h"

namespace tessera::attention {
namespace {

constexpr const char* kFormatKey = "format";
constexpr const char* kFormat = "tessera.skip_state";

/// In the order of HeaderField.
constexpr std::array<const char*, kHeaderFields> kFieldNames = {
    "version", "q_tile",    "kv_tile",     "token_order", "generation",
    "step",    "direction", "total_steps", "q_len",       "kv_len"};

template <typename T, size_t N>
StoredTensor stored(DType dtype, const T* data, const std::array<int64_t, N>& shape) {
  size_t count = 1;
  for (const int64_t size : shape) count *= size;
  return {.dtype = dtype,
          .shape = {shape.begin(), shape.end()},
          .bytes = std::as_bytes(std::span(data, count))};
}

int32_t read_field(const SafetensorsFile& file, const char* name) {
  const auto entry = file.metadata().find(name);
  if (entry == file.metadata().end()) {
    throw IoError(concat(file.name(), ": a skip state's metadata must have `", name, "`"));
  }
  const std::string& text = entry->second;
  int32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) {
    throw IoError(concat(file.name(), ": `", name, "` must be a 32-bit integer, got: ", text));
  }
  return value;
}

template <size_t N>
std::array<int64_t, N> read_shape(const SafetensorsFile& file, const char* name, DType dtype) {
  const StoredTensor& tensor = file.at(name);
  if (tensor.dtype != dtype || tensor.shape.size() != N) {
    throw IoError(concat(file.name(), ": `", name, "` must be ", dtype_name(dtype), " of rank ", N,
                         ", got: ", dtype_name(tensor.dtype), " of rank ", tensor.shape.size()));
  }
  std::array<int64_t, N> shape;
  std::copy(tensor.shape.begin(), tensor.shape.end(), shape.begin());
  return shape;
}

}  // namespace

void save_state(const SkipStateView& state, const std::filesystem::path& path) {
  check_state(state);
  std::map<std::string, std::string> metadata = {{kFormatKey, kFormat}};
  for (int64_t i = 0; i < kHeaderFields; ++i) {
    metadata[kFieldNames[i]] = std::to_string(state.header[i]);
  }
  save_safetensors(path,
                   {{"bits", stored(DType::kInt32, state.bits, state.bits_shape)},
                    {"spent", stored(DType::kFloat32, state.spent, state.spent_shape)}},
                   metadata);
}

void SkipState::save(const std::filesystem::path& path) const { save_state(view(), path); }

SkipState SkipState::load(const std::filesystem::path& path) {
  const SafetensorsFile file(path);
  const auto format = file.metadata().find(kFormatKey);
  if (format == file.metadata().end() || format->second != kFormat) {
    throw IoError(
        concat(file.name(), ": not a skip state (metadata `format` is not ", kFormat, ")"));
  }
  std::array<int32_t, kHeaderFields> header;
  for (int64_t i = 0; i < kHeaderFields; ++i) header[i] = read_field(file, kFieldNames[i]);
  const auto bits_shape = read_shape<4>(file, "bits", DType::kInt32);
  const auto spent_shape = read_shape<3>(file, "spent", DType::kFloat32);
  try {
    // The header is judged together with the file's shapes before anything of their size is made;
    // the reader has checked that the file is as long as its shapes say.
    int32_t no_bits = 0;
    float no_spent = 0;
    const SkipStateShape shape = state_shape({.bits = &no_bits,
                                              .bits_shape = bits_shape,
                                              .spent = &no_spent,
                                              .spent_shape = spent_shape,
                                              .header = header.data(),
                                              .header_size = kHeaderFields});
    SkipState state(shape);
    const auto bits = file.at("bits").bytes;
    const auto spent = file.at("spent").bytes;
    std::memcpy(state.bits_.data(), bits.data(), bits.size());
    std::memcpy(state.spent_.data(), spent.data(), spent.size());
    state.header_ = header;
    check_state(state.view());
    return state;
  } catch (const InvalidArgument& broken) {
    throw IoError(concat(file.name(), ": ", broken.what()));
  }
}

}  // namespace tessera::attention
