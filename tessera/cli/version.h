// What this build is.
#pragma once

#include <string>

namespace tessera::cli {

/// "0.1.0".
std::string version();

/// Short hash of the commit it was built from, "unknown" outside a checkout.
std::string commit();

/// Several lines: version and commit, Torch, attention back ends.
std::string version_text();

}  // namespace tessera::cli
