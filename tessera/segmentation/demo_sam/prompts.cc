#include "tessera/segmentation/demo_sam/prompts.h"

#include <cmath>

#include <ATen/ExpandUtils.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/Generator.h>
#include <ATen/ops/affine_grid_generator.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/gather.h>
#include <ATen/ops/grid_sampler.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/replication_pad2d.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_nearest2d.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros_like.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {

using at::Tensor;

namespace {

/// Separable Gaussian of each map's own deviation [T]; 0 leaves a map as it is.
Tensor blurred(const Tensor& maps, const Tensor& deviations) {
  constexpr int64_t kRadius = 12;  // two deviations of the widest
  const int64_t count = maps.size(0);
  const Tensor offsets = at::arange(-kRadius, kRadius + 1, maps.options());
  const Tensor scaled = offsets.unsqueeze(0) / deviations.clamp_min(1e-3).unsqueeze(1);
  const Tensor weights = (-0.5 * scaled.square()).exp();
  const Tensor kernel = weights / weights.sum(1, /*keepdim=*/true);  // [T, 2 r + 1]
  const auto along = [&](const Tensor& x, at::IntArrayRef shape) {
    return at::conv2d(x, kernel.view(shape), /*bias=*/{}, at::IntArrayRef{1}, at::IntArrayRef{0},
                      at::IntArrayRef{1}, /*groups=*/count);
  };
  // As one picture of T channels, each with its own kernel.
  const Tensor padded =
      at::replication_pad2d(maps.transpose(0, 1), {kRadius, kRadius, kRadius, kRadius});
  return along(along(padded, {count, 1, 1, -1}), {count, 1, -1, 1}).transpose(0, 1);
}

/// Each map moved by a fraction of its side and grown about its middle.
Tensor moved(const Tensor& maps, const Tensor& shift_x, const Tensor& shift_y,
             const Tensor& growth) {
  const Tensor zero = at::zeros_like(growth);
  const Tensor theta = at::stack({1 / growth, zero, 2 * shift_x, zero, 1 / growth, 2 * shift_y}, 1);
  const Tensor grid = at::affine_grid_generator(theta.view({-1, 2, 3}), maps.sizes(), false);
  return at::grid_sampler(maps, grid, /*bilinear*/ 0, /*border*/ 1, /*align_corners=*/false);
}

Tensor in_squares(const Tensor& maps, int64_t side) {
  const Tensor pooled = at::avg_pool2d(maps, {side, side}, {side, side});
  return at::upsample_nearest2d(pooled, at::IntArrayRef{maps.size(2), maps.size(3)});
}

/// Per target -> over its map.
Tensor over_map(const Tensor& values) { return values.view({-1, 1, 1, 1}); }

}  // namespace

Tensor masks_of(const Tensor& labels, const Tensor& tables, int64_t mask_size) {
  const int64_t batch = labels.size(0), size = labels.size(1);
  TESSERA_ASSERT(tables.size(0) % batch == 0 && size % mask_size == 0);
  const int64_t per_image = tables.size(0) / batch;
  const Tensor index = labels.view({batch, 1, size * size}).to(at::kLong);
  const Tensor values = at::gather(tables.view({batch, per_image, -1}), 2,
                                   index.expand({batch, per_image, size * size}));
  const int64_t factor = size / mask_size;
  const Tensor maps = values.view({batch * per_image, 1, size, size});
  return factor == 1 ? maps : at::avg_pool2d(maps, {factor, factor}, {factor, factor});
}

Tensor is_inside(const Tensor& coverage) { return coverage >= 0.5; }

Clicks click_in(const Tensor& region, const Tensor& coverage, int64_t image_size,
                at::Generator& generator) {
  const int64_t side = region.size(3);
  const Tensor chance = at::rand(coverage.sizes(), generator, coverage.options());
  // Pixels of the region score 2 to 3, all others at most 1.
  const Tensor score = at::where(region, chance + 2, coverage);
  const Tensor chosen = at::argmax(score.flatten(1), 1, /*keepdim=*/true);  // [T, 1]
  const double scale = static_cast<double>(image_size) / static_cast<double>(side);
  const Tensor x = chosen.remainder(side).to(at::kFloat);
  const Tensor y = chosen.div(side, "floor").to(at::kFloat);
  // The middle of a mask pixel; the prompt encoder adds half a pixel of the input itself.
  const Tensor points = (at::stack({x, y}, 2) + 0.5) * scale - 0.5;
  return {points, at::gather(is_inside(coverage).flatten(1), 1, chosen).to(at::kLong)};
}

Clicks corrective_click(const Tensor& logits, const Tensor& coverage, int64_t image_size,
                        at::Generator& generator) {
  return click_in((logits > 0) != is_inside(coverage), coverage, image_size, generator);
}

std::array<float, kSpoilingSize> spoiling_row(const Spoiling& s) {
  return {s.shift_x,  s.shift_y,  s.growth, s.blur,      s.bias,  s.blobs[0],
          s.blobs[1], s.blobs[2], s.block,  s.sharpness, s.grain, s.magnitude};
}

Tensor spoil_masks(const Tensor& evidence, const Tensor& spoilings, at::Generator& generator) {
  const int64_t count = evidence.size(0), side = evidence.size(3);
  const auto column = [&](int64_t index) { return spoilings.select(1, index); };
  const Tensor has_blur = over_map(column(3)) > 0;
  Tensor x = moved(evidence, column(0), column(1), column(2));
  x = at::where(has_blur, blurred(x, column(3)), x) + over_map(column(4));
  const int64_t cells[] = {8, 24, 72};  // blobs of a sixteenth of the picture to a few pixels
  for (int64_t i = 0; i < 3; ++i) {
    const Tensor coarse = at::randn({count, 1, cells[i], cells[i]}, generator, x.options());
    x = x + over_map(column(5 + i)) *
                at::upsample_bilinear2d(coarse, at::IntArrayRef{side, side}, false);
  }
  const Tensor block = over_map(column(8));
  x = at::where(block == 1, in_squares(x, 4), at::where(block == 2, in_squares(x, 8), x));
  const Tensor sharpness = over_map(column(9));
  x = at::where(sharpness > 0, at::tanh(x * sharpness), x);
  x = x + over_map(column(10)) * at::randn(x.sizes(), generator, x.options());
  return (x * over_map(column(11))).clamp(-kMaxPromptLogit, kMaxPromptLogit);
}

}  // namespace tessera::segmentation
