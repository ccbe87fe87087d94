// tessera segment: the group of commands that train and use AutoSAM.
#include "tessera/cli/segment.h"

namespace tessera::cli {

void add_segment(CLI::App& program, Console& console, Run& chosen) {
  auto* group = program.add_subcommand(
      "segment",
      "Segment images with a frozen Segment Anything Model whose prompt a small network writes.\n"
      "The network learns from your images and masks; no prompts are needed afterwards.\n\n"
      "  tessera segment check    --images photos --masks masks\n"
      "  tessera segment train    --images photos --masks masks -o run\n"
      "  tessera segment predict  run new_photos -o new_masks --overlay\n"
      "  tessera segment evaluate run --images photos --masks masks -o scores");
  group->require_subcommand(1);
  group->footer(kResearchOnly);
  add_segment_check(*group, console, chosen);
  add_segment_train(*group, console, chosen);
  add_segment_predict(*group, console, chosen);
  add_segment_evaluate(*group, console, chosen);
}

}  // namespace tessera::cli
