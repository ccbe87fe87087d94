#include "tessera/segmentation/generated/layout.h"

#include <algorithm>
#include <cmath>

namespace tessera::segmentation::generated {
namespace {

constexpr int kTries = 12;

Point anywhere(Point extent, float radius, Random& random) {
  // Large ones would mostly be cut if they were spread evenly.
  const bool is_large = radius > 0.1f * std::min(extent.x, extent.y);
  const float beyond = (is_large ? -0.35f : 0.3f) * radius;
  const float x = draw(random, {-beyond, extent.x + beyond});
  const float y = draw(random, {-beyond, extent.y + beyond});
  return {x, y};
}

/// By how much of their radii two discs overlap at most; below 0 where they are apart.
float overlap_with(const Disc& disc, const std::vector<Disc>& others, size_t count) {
  float worst = -1e9f;
  for (size_t i = 0; i < count; ++i) {
    const float dx = others[i].centre.x - disc.centre.x, dy = others[i].centre.y - disc.centre.y;
    const float gap = std::sqrt(dx * dx + dy * dy) - disc.radius - others[i].radius;
    worst = std::max(worst, -gap / std::min(disc.radius, others[i].radius));
  }
  return worst;
}

/// Proposes centres until one overlaps no more than `allowed`, keeps the best.
template <typename Propose>
void place(std::vector<Disc>& discs, size_t index, float allowed, bool minds_own,
           const std::vector<Disc>& taken, bool avoids, Propose propose) {
  Disc best = discs[index];
  float best_overlap = 1e9f;
  for (int attempt = 0; attempt < kTries && best_overlap > allowed; ++attempt) {
    Disc disc = discs[index];
    disc.centre = propose();
    float overlap = minds_own ? overlap_with(disc, discs, index) : -1e9f;
    if (avoids) overlap = std::max(overlap, overlap_with(disc, taken, taken.size()));
    if (overlap < best_overlap) {
      best_overlap = overlap;
      best = disc;
    }
  }
  discs[index] = best;
}

Point beside(const Disc& neighbour, float radius, Random& random) {
  const float turns = random.uniform();
  const float distance = (neighbour.radius + radius) * draw(random, {0.78f, 1.02f});
  return {neighbour.centre.x + distance * cosine(turns),
          neighbour.centre.y + distance * sine(turns)};
}

}  // namespace

void place_discs(std::vector<Disc>& discs, Layout layout, Point extent, bool avoids,
                 const std::vector<Disc>& taken, Random& random) {
  const size_t n = discs.size();
  const float overlap_allowed = draw(random, {0.05f, 0.35f}), gap = draw(random, {0.05f, 0.8f});
  const float free_share = draw(random, {0.08f, 0.5f});
  const float size = std::max(extent.x, extent.y);
  std::vector<Point> hubs(draw_int(random, 1, 4));
  for (Point& hub : hubs) hub = anywhere(extent, 0, random);
  const float spread = size * draw(random, {0.06f, 0.25f});
  const Point middle = anywhere(extent, 0, random);
  const float curve_turns = random.uniform(), curve_radius = size * draw(random, {0.2f, 0.9f});
  const float curve_length = draw(random, {0.2f, 0.9f});
  const int columns = std::max(1, static_cast<int>(std::ceil(std::sqrt(static_cast<float>(n)))));
  const float cell = size / static_cast<float>(columns), disorder = draw(random, {0.05f, 0.6f});

  for (size_t i = 0; i < n; ++i) {
    const float radius = discs[i].radius;
    switch (layout) {
      case Layout::kAnywhere:
        place(discs, i, 0.5f, false, taken, avoids,
              [&] { return anywhere(extent, radius, random); });
        break;
      case Layout::kApart:
        place(discs, i, -gap, true, taken, avoids,
              [&] { return anywhere(extent, radius, random); });
        break;
      case Layout::kClusters: {
        const Point hub = hubs[random.below(static_cast<int64_t>(hubs.size()))];
        place(discs, i, overlap_allowed, true, taken, avoids, [&]() -> Point {
          const float dx = spread * draw_normal(random), dy = spread * draw_normal(random);
          return {hub.x + dx, hub.y + dy};
        });
        break;
      }
      case Layout::kTouching: {
        const bool is_free = i == 0 || happens(random, free_share);
        place(discs, i, overlap_allowed, true, taken, avoids, [&] {
          if (is_free) return anywhere(extent, radius, random);
          return beside(discs[random.below(static_cast<int64_t>(i))], radius, random);
        });
        break;
      }
      case Layout::kGrid: {
        const float dx = disorder * (random.uniform() - 0.5f);
        const float dy = disorder * (random.uniform() - 0.5f);
        const auto column = static_cast<float>(i % columns), row = static_cast<float>(i / columns);
        discs[i].centre = {(column + 0.5f + dx) * cell, (row + 0.5f + dy) * cell};
        break;
      }
      case Layout::kCurve: {
        const float along = static_cast<float>(i) / static_cast<float>(n);
        const float turns = curve_turns + curve_length * along;
        const float r = curve_radius + 0.6f * radius * draw_normal(random);
        discs[i].centre = {middle.x + r * cosine(turns), middle.y + r * sine(turns)};
        break;
      }
    }
  }
}

}  // namespace tessera::segmentation::generated
