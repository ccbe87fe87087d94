#include "tessera/attention/backend.h"

#include <array>

#include "tessera/attention/cpu/forward.h"
#include "tessera/attention/cpu/kernels.h"
#include "tessera/attention/reference.h"
#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

bool is_float(DType dtype) {
  return dtype == DType::kFloat32 || dtype == DType::kFloat16 || dtype == DType::kBFloat16;
}
bool is_bf16(DType dtype) { return dtype == DType::kBFloat16; }
bool is_everywhere() { return true; }

// Best first.
constexpr std::array kBackends = {
    Backend{"cpu_bf16", "bf16", is_bf16, cpu::bf16_is_supported,
            [] { return std::string("cpu_bf16/AVX512_BF16"); }, cpu::bf16_forward},
    Backend{"cpu", "fp32, fp16 and bf16", is_float, is_everywhere, cpu::full_name, cpu::forward},
    Backend{"reference", "fp32, fp16 and bf16", is_float, is_everywhere,
            [] { return std::string("reference"); }, reference_forward},
};

}  // namespace

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  names.reserve(std::size(kBackends));
  for (const auto& backend : kBackends) {
    if (backend.is_supported()) names.emplace_back(backend.name);
  }
  return names;
}

const Backend& find_backend(std::string_view name) {
  std::string known;
  for (const auto& backend : kBackends) {
    if (backend.name == name) {
      if (backend.is_supported()) return backend;
      throw Unsupported(concat("[attention_forward] this processor cannot run back end ", name));
    }
    known += concat(known.empty() ? "" : ", ", backend.name);
  }
  throw Unsupported(concat("[attention_forward] back end must be one of ", known, ", got: ", name));
}

const Backend& best_backend(DType dtype) {
  for (const auto& backend : kBackends) {
    if (backend.has_dtype(dtype) && backend.is_supported()) return backend;
  }
  throw Unsupported(concat("[attention_forward] no back end takes ", dtype_name(dtype)));
}

}  // namespace tessera::attention
