#include "tessera/attention/level_table.h"

#include "tessera/core/error.h"

namespace tessera::attention {

void check_level_table(const LevelTable& table, int64_t total_steps, int64_t num_heads,
                       const LevelRule& rule) {
  if (table.is_empty()) return;
  TESSERA_CHECK(table.steps == 1 || table.steps == total_steps,
                "[attention_forward] a table of levels must have 1 step or the generation's ",
                total_steps, ", got: ", table.steps);
  TESSERA_CHECK(table.heads == 1 || table.heads == num_heads,
                "[attention_forward] a table of levels must have 1 head or q's ", num_heads,
                ", got: ", table.heads);
  TESSERA_CHECK(static_cast<int64_t>(table.values.size()) == table.steps * table.heads,
                "[attention_forward] a table of levels must have steps x heads = ",
                table.steps * table.heads, " values, got: ", table.values.size());
  for (int64_t i = 0; i < static_cast<int64_t>(table.values.size()); ++i) {
    TESSERA_CHECK(rule.is_kept(table.values[i]), "[attention_forward] ", rule.text,
                  ", got: ", table.values[i], " at step ", i / table.heads, ", head ",
                  i % table.heads);
  }
}

}  // namespace tessera::attention
