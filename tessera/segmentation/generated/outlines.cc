#include "tessera/segmentation/generated/outlines.h"

#include <algorithm>
#include <cmath>

#include "tessera/segmentation/generated/contours.h"

namespace tessera::segmentation::generated {
namespace {

/// Moves and scales into the unit disc.
void fit(Outline& outline) {
  float x0 = 1e9f, y0 = 1e9f, x1 = -1e9f, y1 = -1e9f;
  for (const auto& contour : outline.contours) {
    for (const Point& p : contour) {
      x0 = std::min(x0, p.x);
      x1 = std::max(x1, p.x);
      y0 = std::min(y0, p.y);
      y1 = std::max(y1, p.y);
    }
  }
  const float scale = 2 / std::max({1e-3f, x1 - x0, y1 - y0});
  const float cx = 0.5f * (x0 + x1), cy = 0.5f * (y0 + y1);
  for (auto& contour : outline.contours) {
    for (Point& p : contour) p = {(p.x - cx) * scale, (p.y - cy) * scale};
  }
}

Outline worm(const ShapeStyle& style, Random& random) {
  const bool is_ribbon = style.family == ShapeFamily::kRibbon;
  const float bend = draw(random, {-0.4f, 0.4f}) * (0.3f + style.roughness);
  const float waves = is_ribbon ? draw(random, {0.3f, 1.4f}) : draw(random, {0, 0.5f});
  const float half_width =
      is_ribbon ? 0.018f + 0.04f * style.proportion : 0.07f + 0.12f * style.proportion;
  const float taper = draw(random, {0, 0.7f});
  const auto width_at = [=](float t) {
    const float end = 2 * std::fabs(t - 0.5f);  // 1 at both ends
    const float cap = std::sqrt(std::max(0.0f, 1 - power(end, 1 / (half_width + 0.08f))));
    return half_width * (0.08f + 0.92f * cap) * (1 - taper * t);
  };
  Outline outline{{stroke(bent_path(bend, waves, 40, random), width_at)}};
  fit(outline);
  return outline;
}

Outline strokes(const ShapeStyle& style, Random& random) {
  const float half_width = 0.1f + 0.12f * style.proportion;
  const int count = 2 + style.count % 3;
  Outline outline;
  std::array<Point, 6> nodes;
  for (Point& p : nodes) {
    p.x = draw(random, {-0.8f, 0.8f});
    p.y = draw(random, {-0.8f, 0.8f});
  }
  for (int i = 0; i < count; ++i) {
    const Point a = nodes[i], b = nodes[i + 1];
    const float dx = b.x - a.x, dy = b.y - a.y;
    const float scale = half_width / std::max(1e-3f, std::sqrt(dx * dx + dy * dy));
    const Point side = {dy * scale, -dx * scale};
    // Runs the same way round as the circles: together they unite.
    outline.contours.push_back({{a.x + side.x, a.y + side.y},
                                {b.x + side.x, b.y + side.y},
                                {b.x - side.x, b.y - side.y},
                                {a.x - side.x, a.y - side.y}});
    outline.contours.push_back(circle(a, half_width, 20));
    if (i + 1 == count) outline.contours.push_back(circle(b, half_width, 20));
  }
  return outline;
}

Outline budding(const ShapeStyle& style, Random& random) {
  Outline outline;
  const int count = 2 + style.count % 3;
  Point centre = {0, 0};
  float radius = 0.6f;
  for (int i = 0; i < count; ++i) {
    Contour part = blob(0.5f * style.roughness, random);
    for (Point& p : part) p = {centre.x + radius * p.x, centre.y + radius * p.y};
    outline.contours.push_back(std::move(part));
    const float next = radius * draw(random, {0.55f, 1.0f});
    const float distance = (radius + next) * draw(random, {0.6f, 0.85f});
    const Point step = polar(random.uniform(), distance);
    centre = {centre.x + step.x, centre.y + step.y};
    radius = next;
  }
  fit(outline);
  return outline;
}

Outline crescent(const ShapeStyle& style) {
  // Between an arc of the unit circle and the arc of a circle that is moved aside.
  const float shift = 0.35f + 0.5f * style.proportion, radius = 0.85f;
  const float x = (1 - radius * radius + shift * shift) / (2 * shift);  // where the circles meet
  Contour contour;
  const int n = 40;
  const float y = std::sqrt(std::max(0.0f, 1 - x * x));
  for (int i = 0; i <= n; ++i) {
    const float t = -1 + 2 * static_cast<float>(i) / n;  // lower to upper meeting point
    // The outer arc runs around the left: half an ellipse is close enough to the arc.
    contour.push_back({x - (1 + x) * cosine(0.25f * t), y * sine(0.25f * t)});
  }
  for (int i = n - 1; i > 0; --i) {
    const float t = -1 + 2 * static_cast<float>(i) / n;
    contour.push_back({x - (x - shift + radius) * cosine(0.25f * t), y * sine(0.25f * t)});
  }
  return {{reversed(contour)}};
}

Outline holed(const ShapeStyle& style, Random& random) {
  Outline outline{{blob(style.roughness, random)}};
  const int holes = 1 + style.count % 3;
  const float start = random.uniform();
  for (int i = 0; i < holes; ++i) {
    const float radius = draw(random, {0.12f, 0.26f});
    const float turns = start + static_cast<float>(i) / static_cast<float>(holes);
    const float distance = holes == 1 ? draw(random, {0, 0.3f}) : draw(random, {0.38f, 0.48f});
    outline.contours.push_back(reversed(circle(polar(turns, distance), radius)));
  }
  return outline;
}

Outline draw_family(const ShapeStyle& style, Random& random) {
  const auto lobes = static_cast<float>(style.count);
  switch (style.family) {
    case ShapeFamily::kEllipse:
      return {{circle({}, 1, kCurvePoints)}};
    case ShapeFamily::kSuperellipse:
      return {
          {superellipse(draw_log(random, {1.0f + style.proportion, 2.0f + 6 * style.proportion}))}};
    case ShapeFamily::kBlob:
      return {{blob(style.roughness, random)}};
    case ShapeFamily::kConvex:
      return {{polygon(style.count, 0.1f, style.rounding, random)}};
    case ShapeFamily::kConcave:
      return {{polygon(style.count + 3, 0.65f, style.rounding, random)}};
    case ShapeFamily::kStar:
      return {{star(style.count, 0.25f + 0.45f * style.proportion, style.rounding, random)}};
    case ShapeFamily::kFlower:
      return {{from_radius(
          [&](float t) {
            const float depth = 0.1f + 0.3f * style.proportion;
            return (1 + depth * cosine(lobes * t)) / (1 + depth);
          },
          120)}};
    case ShapeFamily::kRing: {
      const float hole = 0.35f + 0.45f * style.proportion;
      return {{circle({}, 1, kCurvePoints), reversed(circle({}, hole, kCurvePoints))}};
    }
    case ShapeFamily::kHoled:
      return holed(style, random);
    case ShapeFamily::kCrescent:
      return crescent(style);
    case ShapeFamily::kDrop:
      return {{from_radius([&](float t) {
        const float tip = std::fabs(t - 0.5f) * 2;  // 0 at the tip
        return 0.62f + 0.38f * power(1 - tip, 2 + 3 * style.proportion);
      })}};
    case ShapeFamily::kBudding:
      return budding(style, random);
    case ShapeFamily::kWorm:
    case ShapeFamily::kRibbon:
      return worm(style, random);
    case ShapeFamily::kStrokes:
      return strokes(style, random);
  }
  return {};
}

}  // namespace

ShapeStyle draw_style(ShapeFamily family, Random& random) {
  ShapeStyle style;
  style.family = family;
  const float least = draw(random, {1, 1.6f});
  style.elongation = {least, least + draw(random, {0.05f, 0.8f})};
  style.roughness = draw(random, {0.05f, 0.9f});
  style.proportion = random.uniform();
  style.count = draw_int(random, 3, 9);
  style.rounding = draw_int(random, 0, 3);
  if (family == ShapeFamily::kWorm || family == ShapeFamily::kRibbon ||
      family == ShapeFamily::kStrokes || family == ShapeFamily::kCrescent) {
    style.elongation = {1, 1.15f};
    style.is_round = false;
  }
  return style;
}

Outline draw_outline(const ShapeStyle& style, Random& random) {
  Outline outline = draw_family(style, random);
  const float turns = random.uniform(), narrow = 1 / draw(random, style.elongation);
  const float c = cosine(turns), s = sine(turns);
  for (auto& contour : outline.contours) {
    for (Point& p : contour) p = {c * p.x - s * narrow * p.y, s * p.x + c * narrow * p.y};
  }
  return outline;
}

Outline placed(const Outline& outline, float turns, float radius, Point centre) {
  Outline result = outline;
  const float c = radius * cosine(turns), s = radius * sine(turns);
  for (auto& contour : result.contours) {
    for (Point& p : contour) p = {centre.x + c * p.x - s * p.y, centre.y + s * p.x + c * p.y};
  }
  return result;
}

}  // namespace tessera::segmentation::generated
