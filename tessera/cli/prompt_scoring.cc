#include "tessera/cli/prompt_scoring.h"

#include <cstdio>

#include "tessera/core/error.h"

namespace tessera::cli {

segmentation::PromptScores score_prompts(Console& console, segmentation::Sam& sam,
                                         const segmentation::PictureSource& source,
                                         const std::string& device) {
  StatusLine status(console);
  segmentation::EvaluationOptions options;
  options.device = device;
  options.report = [&](const segmentation::PromptScores& now) {
    char text[120];
    std::snprintf(text, sizeof(text), "%lld pictures, %lld instances: box %.3f so far",
                  static_cast<long long>(now.num_pictures),
                  static_cast<long long>(now.num_instances), now.box);
    status.renew(text);
    if (is_interrupted()) throw Interrupted("interrupted; nothing was written");
    return true;
  };
  return segmentation::evaluate_prompts(sam, source, options);
}

void say_prompt_scores(Console& console, const segmentation::PromptScores& scores,
                       const std::string& name) {
  char text[400];
  std::snprintf(text, sizeof(text),
                "%s: %lld instances in %lld pictures, mean IoU\n"
                "  1 point   %.3f   (best of the three masks %.3f)\n"
                "  3 points  %.3f\n"
                "  box       %.3f",
                name.c_str(), static_cast<long long>(scores.num_instances),
                static_cast<long long>(scores.num_pictures), scores.one_point,
                scores.one_point_oracle, scores.three_points, scores.box);
  console.say(text);
  console.event(
      {{"event", "prompt_scores"},
       {"data", name},
       {"scores", nlohmann::json::parse(segmentation::prompt_scores_json(scores, name))}});
}

}  // namespace tessera::cli
