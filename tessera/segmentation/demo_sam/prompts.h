// Masks and prompts of a batch, made on the device. All are functions of their arguments and the
// generator.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include "tessera/segmentation/demo_sam/targets.h"

namespace tessera::segmentation {

/// Reads each target's table at each pixel and averages down to the masks' grid.
/// labels uint8 [B, S, S]; tables fp32 [T, 256], T a multiple of B (the first T / B are of the
/// first image) -> fp32 [T, 1, M, M], M dividing S. A table of zeros and ones gives coverage.
at::Tensor masks_of(const at::Tensor& labels, const at::Tensor& tables, int64_t mask_size);

/// Where coverage counts as inside.
at::Tensor is_inside(const at::Tensor& coverage);  // bool

struct Clicks {
  at::Tensor points;  // fp32 [T, 1, 2], pixels of the input
  at::Tensor labels;  // int64 [T, 1]: 1 inside the truth, 0 outside
};

/// A click at a random pixel of each region, bool [T, 1, M, M]; where a region is empty, at the
/// pixel of most coverage. `image_size` is the input's side, a multiple of M.
Clicks click_in(const at::Tensor& region, const at::Tensor& coverage, int64_t image_size,
                at::Generator& generator);

/// SAM's corrective click: a random pixel where `logits` [T, 1, M, M] > 0 disagrees with the truth.
Clicks corrective_click(const at::Tensor& logits, const at::Tensor& coverage, int64_t image_size,
                        at::Generator& generator);

/// The columns of a spoiling as spoil_masks reads it.
inline constexpr int kSpoilingSize = 12;
std::array<float, kSpoilingSize> spoiling_row(const Spoiling& spoiling);

/// Turns evidence fp32 [T, 1, M, M] in [-1, 1] into mask prompts: moved, blurred, grown or shrunk,
/// with false blobs and holes, in squares, grainy, of some magnitude. spoilings fp32
/// [T, kSpoilingSize]. Logits within +-kMaxPromptLogit.
at::Tensor spoil_masks(const at::Tensor& evidence, const at::Tensor& spoilings,
                       at::Generator& generator);

/// Beyond this a logit says nothing more; mask prompts are clamped to it.
inline constexpr double kMaxPromptLogit = 32;

}  // namespace tessera::segmentation
