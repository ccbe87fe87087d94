#include "tessera/attention/c/guard.h"

#include <string>

namespace tessera::attention::c {
namespace {

std::string& last_error() {
  thread_local std::string text;
  return text;
}

}  // namespace

tessera_status fail(tessera_status status, const char* text) noexcept {
  try {
    last_error() = text;
  } catch (...) {
    last_error().clear();  // no memory for the text: the status has to do
  }
  return status;
}

}  // namespace tessera::attention::c

const char* tessera_last_error(void) { return tessera::attention::c::last_error().c_str(); }
