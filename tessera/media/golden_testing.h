// The pictures of tests/golden/media and texts of errors, for tests.
#pragma once

#include <filesystem>
#include <string>

#include "tessera/core/error.h"

namespace tessera::media {

inline std::filesystem::path golden(const std::string& name) {
  return std::filesystem::path(TESSERA_SOURCE_DIR) / "tests/golden/media" / name;
}

/// What an IoError says; "no error" when there is none.
template <typename Action>
std::string io_error(const Action& action) {
  try {
    action();
  } catch (const IoError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace tessera::media
