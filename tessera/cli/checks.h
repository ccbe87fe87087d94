// Rules for flags' values, with messages that say the rule and the value.
#pragma once

#include <cmath>
#include <limits>
#include <string>

#include <CLI/CLI.hpp>

#include "tessera/core/error.h"

namespace tessera::cli {

/// A number that is finite, >= `low` (or > `low` where `is_open`) and <= `high`.
inline CLI::Validator number_in(double low, double high, bool is_open = false) {
  return {[low, high, is_open](std::string& text) -> std::string {
            double value = 0;
            const bool is_number = CLI::detail::lexical_cast(text, value);
            const bool is_valid = is_number && std::isfinite(value) && value <= high &&
                                  (is_open ? value > low : value >= low);
            if (is_valid) return "";
            return concat("must be a number ", is_open ? "> " : ">= ", low,
                          std::isfinite(high) ? concat(" and <= ", high) : "", ", got: ", text);
          },
          "NUMBER"};
}

inline CLI::Validator positive() {
  return number_in(0, std::numeric_limits<double>::infinity(), true);
}

inline CLI::Validator not_negative() {
  return number_in(0, std::numeric_limits<double>::infinity());
}

}  // namespace tessera::cli
