#include <optional>
#include <vector>

#include "tessera/attention/c/arrays.h"
#include "tessera/attention/merge_partials.h"

using namespace tessera::attention;

tessera_status tessera_merge_partials(const tessera_partial* parts, int64_t count,
                                      const tessera_mutable_tensor* out, float* lse,
                                      const tessera_executor* executor) {
  constexpr const char* kName = "tessera_merge_partials";
  return c::guarded([&] {
    TESSERA_CHECK(count >= 1, "[", kName, "] count must be >= 1, got: ", count);
    c::check_set(parts, kName, "parts");
    c::check_set(out, kName, "out");
    std::vector<PartialAttention> given;
    for (int64_t i = 0; i < count; ++i) {
      given.push_back({c::view_of(parts[i].out, kName, "parts->out.dtype"), parts[i].lse});
    }
    std::optional<c::CallbackExecutor> threads;
    if (executor != nullptr) {
      c::check_struct(executor, kName, "executor");
      threads.emplace(*executor, kName);
    }
    merge_partials(given, c::view_of(*out, kName, "out->dtype"), lse,
                   threads ? &*threads : nullptr);
  });
}
