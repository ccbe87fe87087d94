// Clips with prompts, drawn from a seed: what the demo model is trained on.
//
// Up to three flat shapes move over a textured ground, sometimes behind bars or before a moving
// camera. The host picks the numbers of each scene, the device draws all clips of a batch at once.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "tessera/video/demo/clip_shape.h"

namespace tessera::video {

struct Clips {
  at::Tensor video;                  // fp32 [B, 3, F, H, W] in [-1, 1], on the generator's device
  std::vector<std::string> prompts;  // B
};

/// Draws clips on one device; not to be shared between threads.
class ClipGenerator {
 public:
  explicit ClipGenerator(at::Device device);

  /// The same (batch, shape, seed) give the same prompts on every platform and the same pixels on
  /// one device. Each extent is at least 1; film_frames is 0 or at least frames. Throws
  /// InvalidArgument otherwise. Memory beside the result: below 1 GB, whatever the batch.
  Clips draw(int64_t batch, const ClipShape& shape, uint64_t seed);

 private:
  at::Device device_;
  at::Generator noise_;
};

}  // namespace tessera::video
