// The rows of one run as one line per shape.
#pragma once

#include <nlohmann/json.hpp>

namespace tessera::bench {

/// Prints a Markdown table; `rows` as main.cc makes them, candidates of a shape behind each other.
void print_summary(const nlohmann::json& rows);

}  // namespace tessera::bench
