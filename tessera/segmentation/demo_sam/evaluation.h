// How well a promptable model finds single instances: mean IoU after a point, after three, and
// after a box.
//
// The first point is the pixel of the instance that is deepest inside; the second and third are the
// deepest pixels of what is wrong so far, given together with the last answer as a mask prompt. The
// box is the tight one. After one point the model answers with three masks: `one_point` scores the
// one that it ranks first itself (SAM's convention), `one_point_oracle` the best of them. Masks are
// enlarged to the truth's own pixels (bilinear) and compared there; the mean is over instances.
// Source: Kirillov et al. 2023, Segment Anything, section 7.1.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tessera/segmentation/sam/sam.h"

namespace tessera::segmentation {

/// A square picture with the instances to ask for.
struct EvaluationPicture {
  std::vector<uint8_t> planes;  // RGB (3, S, S), S the model's image_size

  /// (truth_side, truth_side), in source pixels; 0 is background.
  int truth_side = 0;
  std::vector<uint16_t> labels;

  std::vector<uint16_t> instances;  // which labels to score, each visible here
};

/// Gives picture after picture; nothing at the end.
using PictureSource = std::function<std::optional<EvaluationPicture>()>;

struct PromptScores {
  int64_t num_pictures = 0, num_instances = 0;
  double one_point = 0, one_point_oracle = 0, three_points = 0, box = 0;  // mean IoU
};

struct EvaluationOptions {
  std::string device = "cpu";
  int64_t prompts_at_once = 32;
  /// Called after each picture with the scores so far; false stops.
  std::function<bool(const PromptScores&)> report;
};

/// Moves the model to the device. Throws InvalidArgument when no instance was scored.
PromptScores evaluate_prompts(Sam& sam, const PictureSource& source,
                              const EvaluationOptions& options = {});

/// JSON text of schema "tessera.prompt_scores/1".
std::string prompt_scores_json(const PromptScores& scores, const std::string& name);

}  // namespace tessera::segmentation
