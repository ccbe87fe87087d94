#include "tessera/segmentation/generated/compression.h"

#include <algorithm>

#include "tessera/segmentation/generated/exact_math.h"

namespace tessera::segmentation::generated {
namespace {

constexpr int kSide = 8;
using Block = std::array<std::array<float, kSide>, kSide>;

/// Row k: the k-th cosine; orthonormal.
const Block& cosines() {
  static const Block table = [] {
    Block rows;
    for (int k = 0; k < kSide; ++k) {
      for (int x = 0; x < kSide; ++x) {
        const auto phase = static_cast<float>((2 * x + 1) * k) / (4 * kSide);
        rows[k][x] = cosine(phase) * (k == 0 ? 0.35355339f : 0.5f);
      }
    }
    return rows;
  }();
  return table;
}

/// a b, or a^T b.
template <bool kTransposed>
Block product(const Block& a, const Block& b) {
  Block result = {};
  for (int i = 0; i < kSide; ++i) {
    for (int k = 0; k < kSide; ++k) {
      const float factor = kTransposed ? a[k][i] : a[i][k];
      for (int j = 0; j < kSide; ++j) result[i][j] += factor * b[k][j];
    }
  }
  return result;
}

Block transposed(const Block& block) {
  Block result;
  for (int i = 0; i < kSide; ++i) {
    for (int j = 0; j < kSide; ++j) result[i][j] = block[j][i];
  }
  return result;
}

float rounded(float value, float step) {
  const float steps = value / step;
  return static_cast<float>(static_cast<int>(steps + (steps < 0 ? -0.5f : 0.5f))) * step;
}

void compress_block(Block& block, float step) {
  const Block& c = cosines();
  Block spectrum =
      product<false>(c, transposed(product<false>(c, block)));  // (C B)^T from the left
  for (int i = 0; i < kSide; ++i) {
    for (int j = 0; j < kSide; ++j) {
      spectrum[i][j] = rounded(spectrum[i][j], step * (1 + 0.5f * static_cast<float>(i + j)));
    }
  }
  block = product<true>(c, transposed(product<true>(c, spectrum)));
}

void compress_plane(Plane& plane, float step) {
  // What is left of a side that 8 does not divide stays as it is.
  for (int y = 0; y + kSide <= plane.height; y += kSide) {
    for (int x = 0; x + kSide <= plane.width; x += kSide) {
      Block block;
      for (int i = 0; i < kSide; ++i) std::copy_n(plane.row(y + i) + x, kSide, block[i].begin());
      compress_block(block, step);
      for (int i = 0; i < kSide; ++i) std::copy_n(block[i].begin(), kSide, plane.row(y + i) + x);
    }
  }
}

}  // namespace

void compress(Canvas& canvas, float step, bool is_grey) {
  auto& [red, green, blue] = canvas.channels;
  if (is_grey) {
    compress_plane(red, step);
    return;
  }
  // Green stays for brightness; red and blue become differences from it.
  for (size_t i = 0; i < green.values.size(); ++i) {
    red.values[i] -= green.values[i];
    blue.values[i] -= green.values[i];
  }
  compress_plane(green, step);
  compress_plane(red, 2 * step);
  compress_plane(blue, 2 * step);
  for (size_t i = 0; i < green.values.size(); ++i) {
    red.values[i] += green.values[i];
    blue.values[i] += green.values[i];
  }
}

}  // namespace tessera::segmentation::generated
