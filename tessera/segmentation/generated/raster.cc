#include "tessera/segmentation/generated/raster.h"

#include <algorithm>
#include <cmath>

namespace tessera::segmentation::generated {
namespace {

/// Adds a line's part within one row of pixels, from x_begin to x_end, that falls by `height`
/// (signed) to `cells`; cells[x] - integrated from the left - becomes the area right of the line.
void add_to_row(float* cells, float x_begin, float x_end, float height) {
  const float left = std::min(x_begin, x_end), right = std::max(x_begin, x_end);
  const int first = static_cast<int>(left), end = static_cast<int>(std::ceil(right));
  const float left_part = left - static_cast<float>(first);
  if (end <= first + 1) {
    const float middle = 0.5f * (left + right) - static_cast<float>(first);
    cells[first] += height - height * middle;
    cells[first + 1] += height * middle;
    return;
  }
  const float slope = 1 / (right - left);
  const float first_area = 0.5f * slope * (1 - left_part) * (1 - left_part);
  const float right_part = right - static_cast<float>(end) + 1;
  const float last_area = 0.5f * slope * right_part * right_part;
  cells[first] += height * first_area;
  if (end == first + 2) {
    cells[first + 1] += height * (1 - first_area - last_area);
  } else {
    const float second = slope * (1.5f - left_part);
    cells[first + 1] += height * (second - first_area);
    for (int x = first + 2; x < end - 1; ++x) cells[x] += height * slope;
    const float before_last = second + static_cast<float>(end - first - 3) * slope;
    cells[end - 1] += height * (1 - before_last - last_area);
  }
  cells[end] += height * last_area;
}

void add_line(Plane& cells, Point from, Point to) {
  if (from.y == to.y) return;
  const float direction = from.y < to.y ? 1.0f : -1.0f;
  if (direction < 0) std::swap(from, to);
  const float slope = (to.x - from.x) / (to.y - from.y);
  // Two cells more than the box is wide: what is right of the box falls there.
  const auto limit = static_cast<float>(cells.width - 2);
  const int begin = std::max(0, static_cast<int>(std::floor(from.y)));
  const int end = std::min(cells.height, static_cast<int>(std::ceil(to.y)));
  for (int y = begin; y < end; ++y) {
    const float top = std::max(static_cast<float>(y), from.y);
    const float bottom = std::min(static_cast<float>(y + 1), to.y);
    const float x_top = std::clamp(from.x + (top - from.y) * slope, 0.0f, limit);
    const float x_bottom = std::clamp(from.x + (bottom - from.y) * slope, 0.0f, limit);
    add_to_row(cells.row(y), x_top, x_bottom, direction * (bottom - top));
  }
}

}  // namespace

Box bounds_of(const Outline& outline) {
  float x0 = 1e9f, y0 = 1e9f, x1 = -1e9f, y1 = -1e9f;
  for (const auto& contour : outline.contours) {
    for (const Point& p : contour) {
      x0 = std::min(x0, p.x);
      x1 = std::max(x1, p.x);
      y0 = std::min(y0, p.y);
      y1 = std::max(y1, p.y);
    }
  }
  if (x0 > x1) return {};
  return {static_cast<int>(std::floor(x0)), static_cast<int>(std::floor(y0)),
          static_cast<int>(std::ceil(x1)), static_cast<int>(std::ceil(y1))};
}

void cover(const Outline& outline, const Box& box, Plane& coverage) {
  thread_local Plane cells;
  cells.reset(box.height(), box.width() + 2);
  const Point origin = {static_cast<float>(box.x0), static_cast<float>(box.y0)};
  for (const auto& contour : outline.contours) {
    if (contour.empty()) continue;
    Point previous = {contour.back().x - origin.x, contour.back().y - origin.y};
    for (const Point& p : contour) {
      const Point local = {p.x - origin.x, p.y - origin.y};
      add_line(cells, previous, local);
      previous = local;
    }
  }
  coverage.reset(box.height(), box.width());
  for (int y = 0; y < box.height(); ++y) {
    const float* from = cells.row(y);
    float* to = coverage.row(y);
    float sum = 0;
    for (int x = 0; x < box.width(); ++x) {
      sum += from[x];
      to[x] = std::min(1.0f, std::fabs(sum));
    }
  }
}

void depth_inside(const Plane& coverage, Plane& depth) {
  const int height = coverage.height, width = coverage.width;
  const float far = static_cast<float>(height + width);
  constexpr float kDiagonal = 1.4142135f;
  depth.reset(height, width);
  for (size_t i = 0; i < depth.values.size(); ++i) {
    depth.values[i] = coverage.values[i] >= 0.5f ? far : 0;
  }
  // `ahead` is the row that was done before, `back` the neighbour in this row that was.
  const auto relax = [&](int y, int ahead, int x_begin, int x_end, int step) {
    float* row = depth.row(y);
    const float* done = ahead >= 0 && ahead < height ? depth.row(ahead) : nullptr;
    for (int x = x_begin; x != x_end; x += step) {
      float best = row[x];
      if (best == 0) continue;
      if (x != x_begin) best = std::min(best, row[x - step] + 1);
      if (done != nullptr) {
        best = std::min(best, done[x] + 1);
        if (x > 0) best = std::min(best, done[x - 1] + kDiagonal);
        if (x + 1 < width) best = std::min(best, done[x + 1] + kDiagonal);
      }
      row[x] = best;
    }
  };
  for (int y = 0; y < height; ++y) relax(y, y - 1, 0, width, 1);
  for (int y = height - 1; y >= 0; --y) relax(y, y + 1, width - 1, -1, -1);
}

}  // namespace tessera::segmentation::generated
