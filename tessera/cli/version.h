// What this build is.
#pragma once

#include <string>
#include <vector>

namespace tessera::cli {

/// "0.1.0".
std::string version();

/// Short hash of the commit it was built from, "unknown" outside a checkout.
std::string commit();

/// "2.11.0".
std::string torch_version();

/// Attention back ends that can run here, best first, with their instruction sets: "cpu/AVX3".
std::vector<std::string> attention_backends();

/// Several lines: version and commit, Torch, attention back ends.
std::string version_text();

}  // namespace tessera::cli
