// What this library is and can run.
#include <string>
#include <vector>

#include "tessera/attention/attention.h"
#include "tessera/attention/c/tessera_attention.h"

const char* tessera_version(void) { return TESSERA_VERSION; }

const char* tessera_backend_name(int64_t index) {
  try {
    static const std::vector<std::string> names = tessera::attention::backend_names();
    const bool is_name = 0 <= index && index < static_cast<int64_t>(names.size());
    return is_name ? names[index].c_str() : nullptr;
  } catch (...) {  // no memory for the list
    return nullptr;
  }
}
