#include "tessera/segmentation/generated/contours.h"

#include <array>

#include "tessera/segmentation/generated/chance.h"

namespace tessera::segmentation::generated {

Contour circle(Point centre, float radius, int points) {
  Contour contour = from_radius([=](float) { return radius; }, points);
  for (Point& p : contour) p = {p.x + centre.x, p.y + centre.y};
  return contour;
}

Contour reversed(Contour contour) {
  std::reverse(contour.begin(), contour.end());
  return contour;
}

Contour rounded(const Contour& contour, int times) {
  Contour result = contour;
  for (int i = 0; i < times; ++i) {
    Contour cut;
    cut.reserve(2 * result.size());
    for (size_t k = 0; k < result.size(); ++k) {
      const Point a = result[k], b = result[(k + 1) % result.size()];
      cut.push_back({0.75f * a.x + 0.25f * b.x, 0.75f * a.y + 0.25f * b.y});
      cut.push_back({0.25f * a.x + 0.75f * b.x, 0.25f * a.y + 0.75f * b.y});
    }
    result = std::move(cut);
  }
  return result;
}

Contour blob(float roughness, Random& random) {
  constexpr int kWaves = 9;
  std::array<float, kWaves> amplitude, phase;
  float total = 0;
  for (int k = 0; k < kWaves; ++k) {
    const auto frequency = static_cast<float>(k + 2);
    const float fall = 1.9f - 0.9f * roughness;
    amplitude[k] = 0.65f * roughness * draw_normal(random) / power(frequency / 1.6f, fall);
    amplitude[k] = std::clamp(amplitude[k], -0.3f, 0.3f);
    phase[k] = random.uniform();
    total += std::fabs(amplitude[k]);
  }
  const float scale = 1 / (1 + 0.6f * total);
  return from_radius([&](float turns) {
    float radius = 1;
    for (int k = 0; k < kWaves; ++k) {
      radius += amplitude[k] * cosine(static_cast<float>(k + 2) * turns + phase[k]);
    }
    return std::max(0.15f, radius) * scale;
  });
}

Contour superellipse(float exponent) {
  return from_radius([=](float turns) {
    const float x = std::fabs(cosine(turns)), y = std::fabs(sine(turns));
    const float norm = power(power(x, exponent) + power(y, exponent), 1 / exponent);
    return std::min(1.0f, 0.95f / norm);
  });
}

Contour polygon(int corners, float depth, int rounding, Random& random) {
  Contour contour(corners);
  for (int i = 0; i < corners; ++i) {
    const float jitter = draw(random, {-0.32f, 0.32f});
    const float turns = (static_cast<float>(i) + jitter) / static_cast<float>(corners);
    contour[i] = polar(turns, 1 - depth * random.uniform());
  }
  return rounded(contour, rounding);
}

Contour star(int tips, float depth, int rounding, Random& random) {
  Contour contour(2 * size_t(tips));
  const float unevenness = draw(random, {0, 0.15f});
  for (int i = 0; i < 2 * tips; ++i) {
    const float radius = (i % 2 == 0 ? 1.0f : 1 - depth) * (1 - unevenness * random.uniform());
    contour[i] = polar(static_cast<float>(i) / static_cast<float>(2 * tips), radius);
  }
  return rounded(contour, rounding);
}

std::vector<Point> bent_path(float bend, float waves, int points, Random& random) {
  const float phase = random.uniform(), direction = random.uniform();
  std::vector<Point> path(points);
  for (int i = 1; i < points; ++i) {
    const float t = static_cast<float>(i) / static_cast<float>(points - 1);
    const float turns = direction + bend * (t - 0.5f) + 0.12f * waves * sine(waves * t + phase);
    const Point step = polar(turns, 1 / static_cast<float>(points - 1));
    path[i] = {path[i - 1].x + step.x, path[i - 1].y + step.y};
  }
  return path;
}

}  // namespace tessera::segmentation::generated
