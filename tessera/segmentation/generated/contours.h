// Closed curves that outlines are made of.
#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "tessera/core/random.h"
#include "tessera/segmentation/generated/exact_math.h"
#include "tessera/segmentation/generated/raster.h"

namespace tessera::segmentation::generated {

using Contour = std::vector<Point>;

constexpr int kCurvePoints = 72;  // of a smooth closed curve

inline Point polar(float turns, float radius) {
  return {radius * cosine(turns), radius * sine(turns)};
}

/// A closed curve from its radius at each angle.
template <typename Function>
Contour from_radius(Function radius, int points = kCurvePoints) {
  Contour contour(points);
  for (int i = 0; i < points; ++i) {
    const float turns = static_cast<float>(i) / static_cast<float>(points);
    contour[i] = polar(turns, radius(turns));
  }
  return contour;
}

Contour circle(Point centre, float radius, int points = 36);
Contour reversed(Contour contour);

/// Chaikin's corner cutting.
Contour rounded(const Contour& contour, int times);

/// Radius 1 + a Fourier series whose amplitudes fall with the frequency; rougher ones fall slower.
Contour blob(float roughness, Random& random);

/// |x|^exponent + |y|^exponent = 1.
Contour superellipse(float exponent);

/// Corners at uneven angles; `depth` of their radii is random.
Contour polygon(int corners, float depth, int rounding, Random& random);
Contour star(int tips, float depth, int rounding, Random& random);

/// A path of unit length that starts at the origin and bends by `bend` turns, differently along it.
std::vector<Point> bent_path(float bend, float waves, int points, Random& random);

/// The outline of a stroke along `path`; `half_width(t)` for t from 0 to 1.
template <typename Function>
Contour stroke(const std::vector<Point>& path, Function half_width) {
  const size_t n = path.size();
  Contour left, right;
  for (size_t i = 0; i < n; ++i) {
    const Point before = path[i > 0 ? i - 1 : 0], after = path[std::min(i + 1, n - 1)];
    const float dx = after.x - before.x, dy = after.y - before.y;
    const float length = std::max(1e-6f, std::sqrt(dx * dx + dy * dy));
    const float w = half_width(static_cast<float>(i) / static_cast<float>(n - 1)) / length;
    left.push_back({path[i].x + dy * w, path[i].y - dx * w});
    right.push_back({path[i].x - dy * w, path[i].y + dx * w});
  }
  left.insert(left.end(), right.rbegin(), right.rend());
  return left;
}

}  // namespace tessera::segmentation::generated
