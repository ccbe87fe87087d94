// A policy's level (a threshold or a budget) by step and head.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

namespace tessera::attention {

/// `values` [steps, heads] in row-major order; a size of 1 holds for all. The caller's memory. One
/// table a layer: a model's table [layers, steps, heads] is cut into these.
struct LevelTable {
  std::span<const float> values = {};
  int64_t steps = 1, heads = 1;

  bool is_empty() const { return values.empty(); }
  float at(int64_t step, int64_t head) const {
    return values[std::min(step, steps - 1) * heads + std::min(head, heads - 1)];
  }
};

struct LevelRule {
  const char* text;
  bool (*is_kept)(float level);
};

/// Throws InvalidArgument unless the table is empty or has `total_steps` or one step, `num_heads`
/// or one head, as many values as that, and keeps the rule in all of them: a bad level of a late
/// step is refused at the first.
void check_level_table(const LevelTable& table, int64_t total_steps, int64_t num_heads,
                       const LevelRule& rule);

}  // namespace tessera::attention
