#include "tessera/segmentation/demo_sam/evaluation.h"

#include <algorithm>
#include <cstring>
#include <span>
#include <tuple>

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/nn/autocast.h"
#include "tessera/nn/device.h"
#include "tessera/segmentation/demo_sam/deepest_pixel.h"
#include "tessera/segmentation/demo_sam/losses.h"
#include "tessera/segmentation/demo_sam/prompts.h"

namespace tessera::segmentation {

using at::Tensor;

namespace {

/// Some instances of one picture, their truth on the host and on the device.
class Questions {
 public:
  Questions(const Sam& sam, const Tensor& embedding, const EvaluationPicture& picture,
            std::span<const uint16_t> instances)
      : sam_(sam),
        embedding_(embedding),
        side_(picture.truth_side),
        count_(static_cast<int64_t>(instances.size())),
        host_truth_(at::empty({count_, 1, side_, side_}, at::kByte)) {
    auto* pixels = host_truth_.mutable_data_ptr<uint8_t>();
    for (const uint16_t label : instances) {
      for (const uint16_t at : picture.labels) *pixels++ = at == label;
    }
    truth_ = host_truth_.to(embedding.device(), at::kFloat);
  }

  /// Adds the IoUs of all of them.
  void ask(PromptScores& sums) {
    std::vector<CorrectiveClick> clicks;
    for (int64_t i = 0; i < count_; ++i) {
      const DeepPixel deepest = deepest_pixel(truth_of(i), side_, side_);
      clicks.push_back({deepest.y, deepest.x, true});
    }
    Sam::Prompts prompts;
    add_clicks(prompts, clicks);
    Answer answer = decode(prompts, true);
    sums.one_point += take_ranked_first(answer.iou, answer.estimates).sum().item<double>();
    sums.one_point_oracle += std::get<0>(answer.iou.max(1)).sum().item<double>();
    for (int round = 0; round < 2; ++round) {
      prompts.masks = take_ranked_first(answer.logits, answer.estimates)
                          .clamp(-kMaxPromptLogit, kMaxPromptLogit);
      add_clicks(prompts, corrections(prompts.masks));
      answer = decode(prompts, false);
    }
    sums.three_points += answer.iou.sum().item<double>();
    Sam::Prompts box;
    box.boxes = boxes();
    sums.box += decode(box, false).iou.sum().item<double>();
    sums.num_instances += count_;
  }

 private:
  struct Answer {
    Tensor logits, estimates, iou;  // [P, n, M, M], [P, n], [P, n]: the actual IoU
  };

  std::span<const uint8_t> truth_of(int64_t i) const {
    const size_t area = size_t(side_) * side_;
    return {host_truth_.const_data_ptr<uint8_t>() + size_t(i) * area, area};
  }

  double scale() const { return static_cast<double>(sam_.config.image_size) / side_; }

  /// The middle of a pixel of the truth, in pixels of the input.
  void add_clicks(Sam::Prompts& prompts, const std::vector<CorrectiveClick>& clicks) const {
    std::vector<float> points;
    std::vector<int64_t> labels;
    for (const auto& click : clicks) {
      points.push_back(static_cast<float>((click.x + 0.5) * scale() - 0.5));
      points.push_back(static_cast<float>((click.y + 0.5) * scale() - 0.5));
      labels.push_back(click.is_inside);
    }
    const Tensor point = at::tensor(points).view({count_, 1, 2}).to(embedding_.device());
    const Tensor label = at::tensor(labels, at::kLong).view({count_, 1}).to(embedding_.device());
    prompts.points = prompts.points.defined() ? at::cat({prompts.points, point}, 1) : point;
    prompts.labels = prompts.labels.defined() ? at::cat({prompts.labels, label}, 1) : label;
  }

  Tensor enlarged(const Tensor& logits) const {
    if (logits.size(2) == side_) return logits;
    return at::upsample_bilinear2d(logits, at::IntArrayRef{side_, side_}, false);
  }

  std::vector<CorrectiveClick> corrections(const Tensor& logits) const {
    const Tensor masks = (enlarged(logits) > 0).to(at::kCPU, at::kByte).contiguous();
    const size_t area = size_t(side_) * side_;
    std::vector<CorrectiveClick> clicks;
    for (int64_t i = 0; i < count_; ++i) {
      const std::span<const uint8_t> mask(masks.const_data_ptr<uint8_t>() + size_t(i) * area, area);
      clicks.push_back(corrective_click(mask, truth_of(i), side_, side_));
    }
    return clicks;
  }

  Tensor boxes() const {
    std::vector<float> corners;
    for (int64_t i = 0; i < count_; ++i) {
      const auto mask = truth_of(i);
      int x0 = side_, y0 = side_, x1 = 0, y1 = 0;
      for (int y = 0; y < side_; ++y) {
        for (int x = 0; x < side_; ++x) {
          if (mask[size_t(y) * side_ + x] == 0) continue;
          x0 = std::min(x0, x), x1 = std::max(x1, x), y0 = std::min(y0, y), y1 = std::max(y1, y);
        }
      }
      // The first and last pixels of the input that it covers.
      for (const double corner :
           {x0 * scale(), y0 * scale(), (x1 + 1) * scale() - 1, (y1 + 1) * scale() - 1})
        corners.push_back(static_cast<float>(corner));
    }
    return at::tensor(corners).view({count_, 4}).to(embedding_.device());
  }

  Answer decode(const Sam::Prompts& prompts, bool multimask) const {
    const nn::AutocastOnCuda autocast(embedding_.device());
    const Sam::Masks masks = sam_.decode(embedding_, prompts, multimask);
    const Tensor logits = masks.logits.to(at::kFloat);
    return {logits, masks.iou.to(at::kFloat), actual_iou(enlarged(logits), truth_)};
  }

  const Sam& sam_;
  Tensor embedding_;
  int side_;
  int64_t count_;
  Tensor host_truth_, truth_;  // [P, 1, side, side]
};

Tensor encode(const Sam& sam, const EvaluationPicture& picture, at::Device device) {
  const int64_t side = sam.config.image_size;
  TESSERA_ASSERT(picture.planes.size() == size_t(3 * side * side));
  Tensor image = at::empty({1, 3, side, side}, at::kByte);
  std::memcpy(image.mutable_data_ptr(), picture.planes.data(), picture.planes.size());
  const nn::AutocastOnCuda autocast(device);
  return sam.encode_image(sam.normalise(image.to(device)));
}

PromptScores means(PromptScores sums) {
  const double count = static_cast<double>(std::max<int64_t>(1, sums.num_instances));
  for (double* value : {&sums.one_point, &sums.one_point_oracle, &sums.three_points, &sums.box})
    *value /= count;
  return sums;
}

}  // namespace

PromptScores evaluate_prompts(Sam& sam, const PictureSource& source,
                              const EvaluationOptions& options) {
  const at::NoGradGuard no_grad;
  const at::Device device = nn::open_device(options.device);
  sam.to(device);
  PromptScores sums;
  while (const auto picture = source()) {
    if (picture->instances.empty()) continue;
    const Tensor embedding = encode(sam, *picture, device);
    const std::span<const uint16_t> all(picture->instances);
    for (size_t begin = 0; begin < all.size();) {
      const size_t count = std::min<size_t>(options.prompts_at_once, all.size() - begin);
      Questions(sam, embedding, *picture, all.subspan(begin, count)).ask(sums);
      begin += count;
    }
    ++sums.num_pictures;
    if (options.report && !options.report(means(sums))) break;
  }
  TESSERA_CHECK(sums.num_instances > 0, "[evaluate_prompts] the pictures hold no instances");
  return means(sums);
}

std::string prompt_scores_json(const PromptScores& scores, const std::string& name) {
  const nlohmann::ordered_json json = {{"schema", "tessera.prompt_scores/1"},
                                       {"data", name},
                                       {"pictures", scores.num_pictures},
                                       {"instances", scores.num_instances},
                                       {"mean_iou",
                                        {{"one_point", scores.one_point},
                                         {"one_point_oracle", scores.one_point_oracle},
                                         {"three_points", scores.three_points},
                                         {"box", scores.box}}}};
  return json.dump(2) + "\n";
}

}  // namespace tessera::segmentation
