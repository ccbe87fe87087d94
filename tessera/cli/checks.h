// Rules for flags' values, with messages that say the rule and the value.
#pragma once

#include <string>

#include <CLI/CLI.hpp>

#include "tessera/core/error.h"

namespace tessera::cli {

/// A number that is finite and >= `low` (or > `low` where `is_open`).
inline CLI::Validator number_from(double low, bool is_open) {
  return {[low, is_open](std::string& text) -> std::string {
            double value = 0;
            const bool is_number = CLI::detail::lexical_cast(text, value);
            const bool is_valid =
                is_number && value - value == 0 && (is_open ? value > low : value >= low);
            return is_valid
                       ? ""
                       : concat("must be a number ", is_open ? "> " : ">= ", low, ", got: ", text);
          },
          "NUMBER"};
}

inline CLI::Validator positive() { return number_from(0, true); }
inline CLI::Validator not_negative() { return number_from(0, false); }

}  // namespace tessera::cli
