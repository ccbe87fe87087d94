#include "tessera/video/demo/paths.h"

#include <algorithm>
#include <cmath>

#include "tessera/video/demo/distribution.h"

namespace tessera::video {
namespace {

using namespace distribution;

constexpr double kPi = std::numbers::pi;

double random_sign(Random& random) { return happens(random, 0.5) ? 1 : -1; }

/// A motion over the whole film: time 0 to 1 -> Step.
template <typename Function>
void fill(std::vector<Step>& steps, Function at) {
  const double last = std::max<double>(1, static_cast<double>(steps.size()) - 1);
  for (size_t f = 0; f < steps.size(); ++f) at(static_cast<double>(f) / last, steps[f]);
}

void move(Motion motion, const Extent& extent, double sideways, Random& random,
          std::vector<Step>& steps) {
  const auto& room = extent.room;
  switch (motion) {
    case Motion::kStill:
      return;
    case Motion::kLeft:
    case Motion::kRight: {
      const double way = std::min(draw(random, kSideways) * room.x, kMaxSideways) * sideways *
                         (motion == Motion::kRight ? 1 : -1);
      return fill(steps, [=](double t, Step& step) { step.offset.x = way * t; });
    }
    case Motion::kUp:
    case Motion::kDown: {
      const double way = draw(random, kUpAndDown) * room.y * (motion == Motion::kDown ? 1 : -1);
      return fill(steps, [=](double t, Step& step) { step.offset.y = way * t; });
    }
    case Motion::kSpinning: {
      const double turn = draw(random, kTurn) * random_sign(random);
      return fill(steps, [=](double t, Step& step) { step.angle = turn * t; });
    }
    case Motion::kGrowing:
      return fill(steps, [](double t, Step& step) { step.size = 1 - (1 - kSmallest) * (1 - t); });
    case Motion::kShrinking:
      return fill(steps, [](double t, Step& step) { step.size = 1 - (1 - kSmallest) * t; });
    case Motion::kBouncing: {
      const double begin = random.uniform(), height = draw(random, kUpAndDown) * room.y;
      return fill(steps, [=](double t, Step& step) {
        step.offset.y = -height * std::abs(std::sin(kPi * (kJumps * t + begin)));
      });
    }
    case Motion::kCircling: {
      const double radius = draw(random, kOrbit) * std::min(room.x * sideways, room.y);
      const double begin = 2 * kPi * random.uniform(), turn = 2 * kPi * random_sign(random);
      return fill(steps, [=](double t, Step& step) {
        step.offset = {radius * std::cos(begin + turn * t), radius * std::sin(begin + turn * t)};
      });
    }
  }
}

/// The camera that pans left shows the scene moving right.
void pan(Panning panning, const Extent& extent, Random& random, std::vector<Step>& steps) {
  if (panning == Panning::kNone) return;
  const double way =
      std::min(draw(random, kPan), kMaxPan * extent.room.x) * (panning == Panning::kLeft ? 1 : -1);
  fill(steps, [=](double t, Step& step) {
    step.camera = way * t;
    step.offset.x += step.camera;
  });
}

/// Places of the centre from which a path between the offsets stays in [0, length].
Range start_range(double lowest_offset, double highest_offset, double length, double margin) {
  const double low = margin - lowest_offset, high = length - margin - highest_offset;
  return low < high ? Range{low, high} : Range{(low + high) / 2, (low + high) / 2};
}

/// Smallest distance between two objects' edges.
double smallest_gap(const std::vector<Point>& places, double radius) {
  double gap = 1e9;
  for (size_t i = 0; i < places.size(); ++i) {
    for (size_t j = 0; j < i; ++j) {
      const double distance = std::hypot(places[i].x - places[j].x, places[i].y - places[j].y);
      gap = std::min(gap, distance - 2 * radius);
    }
  }
  return gap;
}

}  // namespace

std::vector<Step> make_steps(const Attributes& attributes, const Extent& extent,
                             int64_t film_frames, Random& random) {
  std::vector<Step> steps(static_cast<size_t>(film_frames));
  const double sideways = attributes.panning == Panning::kNone ? 1.0 : kSidewaysWhilePanning;
  move(attributes.motion, extent, sideways, random, steps);
  pan(attributes.panning, extent, random, steps);
  return steps;
}

std::vector<Point> place_objects(int count, const Extent& extent, const std::vector<Step>& steps,
                                 Random& random) {
  Point low = steps.front().offset, high = low;
  for (const auto& step : steps) {
    low = {std::min(low.x, step.offset.x), std::min(low.y, step.offset.y)};
    high = {std::max(high.x, step.offset.x), std::max(high.y, step.offset.y)};
  }
  const double margin = kMargin * extent.radius;
  const Range x = start_range(low.x, high.x, extent.aspect, margin);
  const Range y = start_range(low.y, high.y, 1, margin);
  const double wanted = (happens(random, kTouching) ? kTouchingGap : kGap) * extent.radius;
  std::vector<Point> best, places(static_cast<size_t>(count));
  double best_gap = -1e9;
  for (int i = 0; i < kMaxLayouts && best_gap < wanted; ++i) {
    for (auto& place : places) place = {draw(random, x), draw(random, y)};
    const double gap = smallest_gap(places, extent.radius);
    if (gap > best_gap) best = places, best_gap = gap;
  }
  return best;
}

}  // namespace tessera::video
