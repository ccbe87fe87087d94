#include "tessera/segmentation/demo_sam/rounds.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include "tessera/nn/autocast.h"
#include "tessera/segmentation/demo_sam/losses.h"

namespace tessera::segmentation {

using at::Tensor;

namespace {

/// Decodes, and sends `weight` times the loss back to the embedding and the decoder.
PromptLoss learn(const Sam& sam, const Tensor& embedding, const PromptGroup& group,
                 bool is_first_round, double weight, double balance) {
  // One point alone may mean a part or the whole.
  const bool is_ambiguous = is_first_round && group.task == PromptTask::kPoint;
  Sam::Masks masks;
  {
    const nn::AutocastOnCuda autocast(embedding.device());
    masks = sam.decode(embedding, group.prompts, is_ambiguous);
  }
  PromptLoss result = prompt_loss(masks.logits, masks.iou, group.truth, balance);
  (result.loss * weight).backward();
  result.loss = result.loss.detach() * weight;
  return result;
}

/// The next round's prompts: the last answer, and a click where it is wrong.
void correct(PromptGroup& group, const Tensor& answer, int64_t image_size,
             at::Generator& generator) {
  const Clicks click = corrective_click(answer, group.coverage, image_size, generator);
  Sam::Prompts& prompts = group.prompts;
  const auto append = [](Tensor& all, const Tensor& one) {
    all = all.defined() ? at::cat({all, one}, 1) : one;
  };
  append(prompts.points, click.points);
  append(prompts.labels, click.labels);
  prompts.masks = answer.clamp(-kMaxPromptLogit, kMaxPromptLogit);
}

}  // namespace

std::vector<PromptGroup> first_prompts(const SamConfig& config, const Tensor& labels,
                                       const BatchTables& tables, const TargetCounts& counts,
                                       at::Generator& generator) {
  std::vector<PromptGroup> groups;
  const auto add = [&](PromptTask task, const Tensor& members, int count) -> PromptGroup& {
    const Tensor truth = masks_of(labels, members, labels.size(1));
    const int64_t factor = labels.size(1) / config.mask_size();
    groups.push_back({task,
                      at::avg_pool2d(truth, {factor, factor}, {factor, factor}),
                      truth,
                      {},
                      static_cast<double>(count) / counts.total()});
    return groups.back();
  };
  if (counts.points > 0) {
    PromptGroup& group = add(PromptTask::kPoint, tables.points, counts.points);
    const Clicks clicks =
        click_in(is_inside(group.coverage), group.coverage, config.image_size, generator);
    group.prompts.points = clicks.points;
    group.prompts.labels = clicks.labels;
  }
  if (counts.boxes > 0) {
    add(PromptTask::kBox, tables.boxes, counts.boxes).prompts.boxes = tables.drawn_boxes;
  }
  if (counts.guided > 0) {
    const Tensor evidence = masks_of(labels, tables.evidence, config.mask_size());
    add(PromptTask::kGuided, tables.guided, counts.guided).prompts.masks =
        spoil_masks(evidence, tables.spoilings, generator);
  }
  return groups;
}

Tensor run_rounds(const Sam& sam, const Tensor& embedding, std::vector<PromptGroup> groups,
                  int corrections, double balance, at::Generator& generator) {
  constexpr int kNumTasks = 3;
  const Tensor zero = at::zeros({}, embedding.options().dtype(at::kFloat));
  Tensor loss = zero, corrected = zero;
  std::vector<Tensor> first_iou(kNumTasks, zero);
  double interactive_share = 0;
  for (const auto& group : groups) {
    if (group.task != PromptTask::kGuided) interactive_share += group.share;
  }
  for (int round = 0; round <= corrections; ++round) {
    for (auto& group : groups) {
      // What guided targets are for is the mask alone; one click more keeps the two together.
      if (group.task == PromptTask::kGuided && round > 1) continue;
      const PromptLoss answer =
          learn(sam, embedding, group, round == 0, group.share / (1 + corrections), balance);
      loss = loss + answer.loss;
      if (round == 0) first_iou[static_cast<size_t>(group.task)] = answer.iou;
      if (round < corrections) {
        correct(group, answer.best, sam.config.image_size, generator);
      } else if (group.task != PromptTask::kGuided) {
        corrected = corrected + answer.iou * (group.share / interactive_share);
      }
    }
  }
  return at::stack({loss, first_iou[0], first_iou[1], first_iou[2], corrected});
}

}  // namespace tessera::segmentation
