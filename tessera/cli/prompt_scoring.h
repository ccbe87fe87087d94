// Scores of a promptable model, measured with progress and shown as a table.
#pragma once

#include <string>

#include "tessera/cli/console.h"
#include "tessera/segmentation/demo_sam/evaluation.h"

namespace tessera::cli {

/// Evaluates with a line of progress. Throws Interrupted.
segmentation::PromptScores score_prompts(Console& console, segmentation::Sam& sam,
                                         const segmentation::PictureSource& source,
                                         const std::string& device);

/// Says the scores as a small table, and as an event for programs.
void say_prompt_scores(Console& console, const segmentation::PromptScores& scores,
                       const std::string& name);

}  // namespace tessera::cli
