// From an image of any size to a probability for each of its pixels.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "tessera/media/frames.h"
#include "tessera/segmentation/data/dataset.h"
#include "tessera/segmentation/training/autosam_model.h"
#include "tessera/segmentation/training/embedding_stores.h"

namespace tessera::segmentation {

struct PredictorOptions {
  /// g and h alone: no SAM.
  bool is_fast = false;
  /// Averages the logits over the eight flips and quarter turns; costs eight times as much.
  bool has_test_time_flips = false;
  /// Source pixels between tiles; 0: default_stride(tile).
  int stride = 0;
  int batch = 8;
  /// Threads that cut and sample tiles; they use no Torch.
  int num_threads = 1;
  /// Keep SAM's embeddings.
  EmbeddingStores stores = {};
};

/// probabilities: (height, width) in [0, 1].
struct Prediction {
  int height = 0, width = 0;
  std::vector<float> probabilities;

  /// 1 where the probability is above the threshold.
  std::vector<uint8_t> mask(double threshold) const;
};

/// Predicts with a model on its device. The model is put into eval mode and must outlive this.
class Predictor {
 public:
  /// Throws InvalidArgument when the model lacks what the options ask for (h, SAM).
  Predictor(AutoSamModel& model, const PredictorOptions& options = {});

  Prediction predict(const media::Image& image);

  /// Several images with their tiles batched together; `take` gets each as it is done, in order.
  /// `load` is called once for each index in [0, count), from other threads too.
  using Load = std::function<std::shared_ptr<const LoadedSample>(size_t index)>;
  using Take = std::function<void(size_t index, const LoadedSample&, Prediction)>;
  void predict_all(size_t count, const Load& load, const Take& take);

  /// Pictures that went through SAM's encoder so far.
  int64_t num_embedded() const { return num_embedded_; }
  /// Such as a damaged cache entry that was computed again.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  AutoSamModel& model_;
  PredictorOptions options_;
  int64_t num_embedded_ = 0;
  std::vector<std::string> warnings_;
};

/// What SAM finds on its own: the dense prompt is its no-mask embedding, no points, no boxes.
Prediction predict_with_no_mask_embedding(const FrozenSam& sam, const media::Image& image, int tile,
                                          int stride, at::Device device);

/// What SAM finds when told the truth's boxes: the union, in each tile, of its masks with the box
/// of each instance as prompt. labels: (height, width), 0 background, else the instance's number.
Prediction predict_with_true_boxes(const FrozenSam& sam, const media::Image& image,
                                   const std::vector<uint32_t>& labels, int tile, int stride,
                                   at::Device device);

}  // namespace tessera::segmentation
