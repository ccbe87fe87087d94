// The state's file: safetensors with the arrays as tensors and the header as metadata.
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
    "version",     "q_tile", "kv_tile", "token_order", "generation", "step",   "direction",
    "total_steps", "q_len",  "kv_len",  "streams",     "stream",     "q_group"};

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
  TensorMap tensors = {{"bits", stored(DType::kInt32, state.bits, state.bits_shape)},
                       {"spent", stored(DType::kFloat32, state.spent, state.spent_shape)}};
  if (state.lse != nullptr) {
    tensors["lse"] = stored(DType::kFloat32, state.lse, state.lse_shape);
  }
  if (state.pending != nullptr) {
    tensors["pending"] = stored(DType::kUInt8, state.pending, state.pending_shape);
  }
  save_safetensors(path, tensors, metadata);
}

void SkipState::save(const std::filesystem::path& path) const { save_state(view(), path); }

SkipState SkipState::load(const std::filesystem::path& path) { return load(SafetensorsFile(path)); }

SkipState SkipState::load(const SafetensorsFile& file) {
  const auto format = file.metadata().find(kFormatKey);
  if (format == file.metadata().end() || format->second != kFormat) {
    throw IoError(
        concat(file.name(), ": not a skip state (metadata `format` is not ", kFormat, ")"));
  }
  std::array<int32_t, kHeaderFields> header;
  for (int64_t i = 0; i < kHeaderFields; ++i) {
    header[i] = read_field(file, kFieldNames[i]);
    // An older file lacks fields; its version says so better than the first that is missing.
    if (i == 0 && header[i] != kSkipStateVersion) {
      throw IoError(concat(file.name(), ": [SkipState] format version must be ", kSkipStateVersion,
                           ", got: ", header[i]));
    }
  }
  // The header is judged together with the file's shapes before anything of their size is made; the
  // reader has checked that the file is as long as its shapes say.
  std::byte nothing[8] = {};
  const auto claim = [&](const char* name, DType dtype, auto*& data, auto& shape) {
    data = reinterpret_cast<std::remove_reference_t<decltype(data)>>(nothing);
    shape =
        read_shape<std::tuple_size_v<std::remove_reference_t<decltype(shape)>>>(file, name, dtype);
  };
  SkipStateView claimed{.header = header.data(), .header_size = kHeaderFields};
  claim("bits", DType::kInt32, claimed.bits, claimed.bits_shape);
  claim("spent", DType::kFloat32, claimed.spent, claimed.spent_shape);
  if (file.tensors().contains("lse")) {
    claim("lse", DType::kFloat32, claimed.lse, claimed.lse_shape);
  }
  if (file.tensors().contains("pending")) {
    claim("pending", DType::kUInt8, claimed.pending, claimed.pending_shape);
  }
  try {
    SkipState state(state_shape(claimed));
    const SkipStateView view = state.view();
    const std::pair<const char*, void*> arrays[] = {
        {"bits", view.bits}, {"spent", view.spent}, {"lse", view.lse}, {"pending", view.pending}};
    for (const auto& [name, data] : arrays) {
      if (data == nullptr) continue;
      const auto bytes = file.at(name).bytes;
      std::memcpy(data, bytes.data(), bytes.size());
    }
    state.header_ = header;
    check_state(state.view());
    return state;
  } catch (const InvalidArgument& broken) {
    throw IoError(concat(file.name(), ": ", broken.what()));
  }
}

}  // namespace tessera::attention
