#include "tessera/core/env.h"

#include <cstdlib>

namespace tessera::env {
namespace {

std::optional<std::string> value_of(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  return value;
}

}  // namespace

std::optional<std::string> attention_backend() { return value_of("TESSERA_ATTENTION_BACKEND"); }
std::optional<std::string> models_folder() { return value_of("TESSERA_MODELS"); }
std::optional<std::string> sam_golden_folder() { return value_of("TESSERA_SAM_GOLDEN"); }
std::optional<std::string> data_folder() { return value_of("TESSERA_DATA"); }

}  // namespace tessera::env
