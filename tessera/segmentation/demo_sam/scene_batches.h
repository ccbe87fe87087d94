// Batches of scenes with their targets, drawn by threads ahead of the step that uses them.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>

#include <ATen/core/Tensor.h>

#include "tessera/segmentation/demo_sam/targets.h"
#include "tessera/segmentation/training/ordered_producer.h"

namespace tessera::segmentation {

/// How many targets of each task an image gets.
struct TargetCounts {
  int points = 3;  // interactive, first asked for by a point
  int boxes = 2;   // interactive, first asked for by a box
  int guided = 3;

  int total() const { return points + boxes + guided; }
};

struct SceneStream {
  SceneSettings scenes;
  uint64_t seed = 1;
  int rank = 0;
  int64_t batch = 16;
  TargetCounts targets;

  /// A scene is drawn anew so many times less often than scenes are used; 1 uses each once. Until
  /// it goes, each of the last `pool` scenes is as likely as the others, turned or mirrored at
  /// random. For machines whose processors draw too slowly.
  double uses_per_scene = 1;
  int64_t pool = 1024;

  int num_threads = 0;          // that draw scenes; 0: next() does all the work
  bool is_page_locked = false;  // the tensors' memory, for copies behind the host's back
};

/// On the host. T = batch x number of targets of the task; those of one image follow each other.
struct SceneBatch {
  at::Tensor images;  // uint8 [B, S, S, 3]
  at::Tensor labels;  // uint8 [B, S, S]

  /// fp32, by rows: members of points, boxes, guided; evidence of guided ([.., 256] each); drawn
  /// boxes [Tb, 4]; spoilings [Tg, kSpoilingSize]. One tensor: one copy to the device.
  at::Tensor numbers;
};

/// The parts of a batch's numbers, views of them.
struct BatchTables {
  at::Tensor points, boxes, guided;  // members, fp32 [T, 256]
  at::Tensor evidence;               // fp32 [Tg, 256]
  at::Tensor drawn_boxes;            // fp32 [Tb, 4]
  at::Tensor spoilings;              // fp32 [Tg, kSpoilingSize]
};
BatchTables split_numbers(const at::Tensor& numbers, int64_t batch, const TargetCounts& targets);

/// Batches for steps first_step, first_step + 1, ... Batch `step` is a function of the stream's
/// settings and the step: not of first_step, nor of the number of threads.
class SceneBatches {
 public:
  SceneBatches(const SceneStream& stream, int64_t first_step);

  SceneBatch next() { return batches_->next(); }

 private:
  SceneBatch make_batch(int64_t step);
  const PreparedScene& pick(int64_t step, int64_t place, Random& random);

  /// Scenes that step may use: numbers [begin, end).
  int64_t pool_begin(int64_t step) const;
  int64_t pool_end(int64_t step) const;

  SceneStream stream_;
  std::deque<std::shared_ptr<const PreparedScene>> window_;  // from window_begin_ on
  int64_t window_begin_;
  // The batches' thread takes from the scenes' threads: it must end first.
  std::unique_ptr<OrderedProducer<std::shared_ptr<const PreparedScene>>> scenes_;
  std::unique_ptr<OrderedProducer<SceneBatch>> batches_;
};

/// One of the eight turned and mirrored copies of a square picture.
struct Turn {
  bool is_transposed = false, is_mirrored = false, is_upside_down = false;

  static Turn draw(Random& random);

  /// Where the copy's pixel (y, x) comes from.
  std::pair<int, int> source_of(int y, int x, int size) const;

  PixelBox operator()(const PixelBox& box, int size) const;
};

}  // namespace tessera::segmentation
