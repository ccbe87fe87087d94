// Runs a network over the tiles of many images, several images in a batch, and blends the logits.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "tessera/segmentation/training/ordered_producer.h"
#include "tessera/segmentation/training/predictor.h"
#include "tessera/segmentation/training/prepared_tiles.h"

namespace tessera::segmentation {

class TileRunner {
 public:
  /// Logits of a batch of items (of any images): fp32 [B, 1, mask, mask] on the host.
  using Network = std::function<at::Tensor(std::vector<PreparedTile>& items)>;

  TileRunner(const TileSettings& settings, int batch, int num_threads, Network network);

  /// `take` gets each image's blended logits, (height, width), in order.
  using TakeLogits =
      std::function<void(size_t index, const LoadedSample&, std::vector<float> logits)>;
  void run(size_t count, const Predictor::Load& load, const TakeLogits& take);

  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  struct Work;  // an image whose tiles are not all done
  void queue(const std::shared_ptr<Work>& work, PreparedTile item);
  void flush();
  void hand_out(const TakeLogits& take, bool is_last);

  TileSettings settings_;
  size_t batch_;
  int num_threads_;
  Network network_;
  std::vector<PreparedTile> items_;
  std::vector<std::shared_ptr<Work>> owners_;  // of items_
  std::deque<std::shared_ptr<Work>> open_;     // in order
  std::vector<std::string> warnings_;
};

/// Sigmoid of blended logits.
Prediction prediction_from_logits(const media::Image& image, std::vector<float> logits);

}  // namespace tessera::segmentation
