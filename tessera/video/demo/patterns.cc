#include "tessera/video/demo/patterns.h"

#include <cmath>
#include <numbers>

#include <ATen/TensorOperators.h>
#include <ATen/ops/atan2.h>
#include <ATen/ops/hypot.h>
#include <ATen/ops/maximum.h>
#include <ATen/ops/minimum.h>

#include "tessera/core/error.h"

namespace tessera::video {
namespace {

constexpr double kPi = std::numbers::pi;

/// A star whose corners lie at `outer`, the notches between them at `inner` times as much; a
/// regular polygon when inner = cos(pi / corners). The first corner is `turn` from the top.
struct Polygon {
  int corners;
  double outer, inner, turn;
};

constexpr double kCircleRadius = 1.0;
constexpr Polygon kSquare = {4, 1.25, std::numbers::sqrt2 / 2, kPi / 4};
constexpr Polygon kTriangle = {3, 1.40, 0.5, 0};
constexpr Polygon kStar = {5, 1.35, 0.45, 0};
constexpr double kRingRadius = 0.84, kRingHalfWidth = 0.28;
constexpr double kCrossArm = 1.15, kCrossHalfWidth = 0.40;
constexpr double kDotRadius = 0.30;  // cycles
constexpr double kCloudContrast = 0.3;

at::Tensor polygon_distance(const Polygon& polygon, const at::Tensor& x, const at::Tensor& y) {
  // All sectors are folded onto one: angle 0 is a corner, sector / 2 the notch beside it.
  const double sector = 2 * kPi / polygon.corners;
  at::Tensor angle = at::atan2(x, -y).add_(polygon.turn);
  angle.sub_((angle / sector).round_().mul_(sector)).abs_();
  const at::Tensor radius = at::hypot(x, y);
  // The edge goes from the corner (outer, 0) along (u, v).
  double u = polygon.inner * std::cos(sector / 2) - 1, v = polygon.inner * std::sin(sector / 2);
  const double length = std::hypot(u, v);
  u /= length, v /= length;
  at::Tensor distance = angle.cos().mul_(radius).sub_(polygon.outer).mul_(v);
  return distance.sub_(angle.sin_().mul_(radius).mul_(u));
}

at::Tensor cross_distance(const at::Tensor& x, const at::Tensor& y) {
  const at::Tensor across = x.abs(), along = y.abs();
  return at::maximum(at::maximum(across, along).sub_(kCrossArm),
                     at::minimum(across, along).sub_(kCrossHalfWidth));
}

/// (x, y) turned by the texture's angle, in cycles.
at::Tensor first_axis(const at::Tensor& x, const at::Tensor& y, const Texture& t) {
  return x * (t.angle.cos() * t.frequency) + y * (t.angle.sin() * t.frequency);
}

at::Tensor second_axis(const at::Tensor& x, const at::Tensor& y, const Texture& t) {
  return y * (t.angle.cos() * t.frequency) - x * (t.angle.sin() * t.frequency);
}

at::Tensor wave(at::Tensor cycles) { return cycles.mul_(2 * kPi).sin_(); }

/// Makes of waves of height one a picture of two tones with edges one pixel wide.
at::Tensor two_tones(at::Tensor waves, const Texture& t) {
  return waves.div_(t.frequency * t.pixel * (2 * kPi)).add_(0.5).clamp_(0, 1);
}

at::Tensor stripes(const at::Tensor& x, const at::Tensor& y, const Texture& t) {
  return two_tones(wave(first_axis(x, y, t).add_(t.phase)), t);
}

at::Tensor checks(const at::Tensor& x, const at::Tensor& y, const Texture& t,
                  const at::Tensor& second_phase) {
  at::Tensor waves = wave(first_axis(x, y, t).add_(t.phase));
  return two_tones(waves.mul_(wave(second_axis(x, y, t).add_(second_phase))), t);
}

at::Tensor dots(const at::Tensor& x, const at::Tensor& y, const Texture& t) {
  at::Tensor u = first_axis(x, y, t).add_(t.phase), v = second_axis(x, y, t).add_(t.phase);
  u.sub_(u.round());
  v.sub_(v.round());
  return coverage(at::hypot(u, v).sub_(kDotRadius), t.frequency * t.pixel);
}

}  // namespace

at::Tensor shape_distance(ObjectShape shape, const at::Tensor& x, const at::Tensor& y) {
  switch (shape) {
    case ObjectShape::kCircle:
      return at::hypot(x, y).sub_(kCircleRadius);
    case ObjectShape::kSquare:
      return polygon_distance(kSquare, x, y);
    case ObjectShape::kTriangle:
      return polygon_distance(kTriangle, x, y);
    case ObjectShape::kStar:
      return polygon_distance(kStar, x, y);
    case ObjectShape::kRing:
      return at::hypot(x, y).sub_(kRingRadius).abs_().sub_(kRingHalfWidth);
    case ObjectShape::kCross:
      return cross_distance(x, y);
  }
  throw std::logic_error("shape_distance: no such shape");
}

at::Tensor coverage(at::Tensor distance, const at::Tensor& pixel) {
  return distance.div_(pixel).neg_().add_(0.5).clamp_(0, 1);
}

at::Tensor fill_mix(ObjectFill fill, const at::Tensor& x, const at::Tensor& y,
                    const Texture& texture) {
  switch (fill) {
    case ObjectFill::kStriped:
      return stripes(x, y, texture);
    case ObjectFill::kDotted:
      return dots(x, y, texture);
    case ObjectFill::kCheckered:
      return checks(x, y, texture, texture.phase);
    case ObjectFill::kPlain:
      break;
  }
  throw std::logic_error("fill_mix: a plain fill has no second tone");
}

at::Tensor ground_mix(GroundTexture ground, const at::Tensor& x, const at::Tensor& y,
                      const Texture& texture) {
  TESSERA_ASSERT(ground == GroundTexture::kStriped || ground == GroundTexture::kCheckered);
  if (ground == GroundTexture::kStriped) return stripes(x, y, texture);
  return checks(x, y, texture, at::zeros_like(texture.phase));
}

at::Tensor cloud_mix(const at::Tensor& waves, const at::Tensor& x, const at::Tensor& y) {
  at::Tensor sum;
  for (int64_t i = 0; i + 2 < waves.size(1); i += 3) {
    const auto number = [&](int64_t k) { return waves.select(1, i + k).view({-1, 1, 1, 1}); };
    at::Tensor wave = x * number(0) + (y * number(1) + number(2));
    wave.mul_(2 * kPi).cos_();
    sum = sum.defined() ? sum.add_(wave) : wave;
  }
  return sum.mul_(kCloudContrast).add_(0.5).clamp_(0, 1);
}

}  // namespace tessera::video
