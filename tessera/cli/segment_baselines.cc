#include "tessera/cli/segment_baselines.h"

#include <functional>
#include <utility>

#include <c10/core/Device.h>

#include "tessera/core/error.h"
#include "tessera/media/label_image.h"
#include "tessera/segmentation/data/instances.h"
#include "tessera/segmentation/data/tiles.h"
#include "tessera/segmentation/metrics/otsu.h"
#include "tessera/segmentation/training/predictor.h"

namespace tessera::cli {
namespace {

using segmentation::LoadedSample;

/// A mask of an image of the data set, (height, width).
using MaskOf = std::function<std::vector<uint8_t>(size_t image, const LoadedSample& sample)>;

Baseline score(const std::string& name, const std::string& note, const segmentation::Dataset& data,
               const std::vector<size_t>& images, const MaskOf& mask_of) {
  std::vector<segmentation::ImageScore> scores;
  for (const size_t image : images) {
    const auto sample = data.load(image);
    scores.push_back(segmentation::score_image(sample->id, sample->image.height,
                                               sample->image.width, mask_of(image, *sample),
                                               sample->mask));
  }
  return {name, note, segmentation::summarise(scores)};
}

}  // namespace

std::vector<Baseline> score_thresholds(const segmentation::Dataset& data,
                                       const std::vector<size_t>& images) {
  return {score("All foreground", "no training", data, images,
                [](size_t, const LoadedSample& sample) {
                  return segmentation::all_foreground(sample.image);
                }),
          score("Otsu's threshold", "no training; the smaller side", data, images,
                [](size_t, const LoadedSample& sample) {
                  return segmentation::otsu_mask(sample.image);
                })};
}

std::vector<Baseline> score_sam_alone(Console& console, const segmentation::FrozenSam& sam,
                                      int tile, const c10::Device& device,
                                      const segmentation::Dataset& data,
                                      const std::vector<size_t>& images) {
  const int stride = segmentation::default_stride(tile);
  Progress progress(console, "SAM alone", static_cast<int64_t>(2 * images.size()));
  int64_t done = 0;
  const auto advance = [&](const LoadedSample& sample) {
    if (is_interrupted()) throw Interrupted("[evaluate] stopped before its end");
    progress.update(++done, sample.id);
  };
  constexpr double kThreshold = 0.5;
  auto no_prompt = score("SAM without a prompt", "its no-mask embedding", data, images,
                         [&](size_t, const LoadedSample& sample) {
                           advance(sample);
                           return segmentation::predict_with_no_mask_embedding(sam, sample.image,
                                                                               tile, stride, device)
                               .mask(kThreshold);
                         });
  auto boxes = score("SAM with true boxes", "told where each thing is", data, images,
                     [&](size_t image, const LoadedSample& sample) {
                       advance(sample);
                       const auto labels = media::read_label_image(data.sample(image).mask);
                       return segmentation::predict_with_true_boxes(
                                  sam, sample.image,
                                  segmentation::instances_of(labels, data.foreground().rule), tile,
                                  stride, device)
                           .mask(kThreshold);
                     });
  return {std::move(no_prompt), std::move(boxes)};
}

}  // namespace tessera::cli
