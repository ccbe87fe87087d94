#include "tessera/attention/backend.h"

#include <array>

#include "tessera/attention/cpu/forward.h"
#include "tessera/attention/reference.h"
#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

bool is_fp32_or_bf16(DType dtype) { return dtype == DType::kFloat32 || dtype == DType::kBFloat16; }

// Best first.
constexpr std::array kBackends = {
    Backend{"cpu", is_fp32_or_bf16, cpu::full_name, cpu::forward},
    Backend{"reference", is_fp32_or_bf16, [] { return std::string("reference"); },
            reference_forward},
};

}  // namespace

std::vector<std::string> backend_names() {
  std::vector<std::string> names;
  names.reserve(std::size(kBackends));
  for (const auto& backend : kBackends) names.emplace_back(backend.name);
  return names;
}

const Backend& find_backend(std::string_view name) {
  if (name.empty()) return kBackends.front();
  std::string known;
  for (const auto& backend : kBackends) {
    if (backend.name == name) return backend;
    known += concat(known.empty() ? "" : ", ", backend.name);
  }
  throw Unsupported(concat("[attention_forward] back end must be one of ", known, ", got: ", name));
}

}  // namespace tessera::attention
