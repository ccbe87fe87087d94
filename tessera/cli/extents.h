// Sizes on the command line: numbers with an x between them.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "tessera/attention/token_order.h"

namespace tessera::cli {

/// "128x64" -> 128, 64, of --size. Throws InvalidArgument.
std::array<int64_t, 2> parse_size(const std::string& text);

/// "4x4x8", of --token-box; each at least 1. Throws InvalidArgument.
attention::TokenExtents parse_box(const std::string& text);

}  // namespace tessera::cli
