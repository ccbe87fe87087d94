#include "tessera/segmentation/generated/kind.h"

#include <algorithm>
#include <cmath>

namespace tessera::segmentation::generated {

struct ObjectPainter::Own {
  Point centre;
  float radius, softness, opacity, brightness, gradient_turns;
  Rgb base, alternate;
};

namespace {

Rgb jittered(const Rgb& colour, float deviation, const std::array<float, 3>& jitter) {
  Rgb result = colour;
  for (int c = 0; c < 3; ++c) result[c] = std::max(0.0f, result[c] + deviation * jitter[c]);
  return result;
}

}  // namespace

Box ObjectPainter::clipped(const Box& box, int margin) const {
  return {std::max(0, box.x0 - margin), std::max(0, box.y0 - margin),
          std::min(canvas_.width(), box.x1 + margin), std::min(canvas_.height(), box.y1 + margin)};
}

void ObjectPainter::paint(const Kind& kind, Point centre, float radius, uint16_t label,
                          Random& random) {
  Own own;
  own.centre = centre;
  own.radius = radius;
  own.opacity = draw(random, kind.opacity);
  own.brightness = draw_log(random, kind.brightness);
  own.gradient_turns = random.uniform();
  std::array<float, 3> jitter;
  for (float& value : jitter) value = draw_normal(random);
  own.base = jittered(kind.base, kind.colour_jitter, jitter);
  own.alternate = jittered(kind.alternate, kind.colour_jitter, jitter);
  const bool is_defocused = happens(random, kind.defocused);
  own.softness = kind.softness;
  if (is_defocused) own.softness += std::min(5.0f, radius * draw(random, {0.08f, 0.35f}));

  const Outline shape = draw_outline(kind.shape, random);
  const Outline outline = placed(shape, random.uniform(), radius, centre);
  if (kind.halo > 0) paint_halo(kind, centre, radius, random);
  if (kind.shadow > 0) paint_shadow(kind, outline, radius);

  box_ = clipped(bounds_of(outline), 2 + static_cast<int>(2.6f * own.softness));
  if (box_.is_empty()) return;
  cover(outline, box_, coverage_);
  if (kind.rim != 0 || kind.dome != 0 || kind.core != 0) depth_inside(coverage_, depth_);
  fill_tone(kind, own, random);
  if (kind.marks != nullptr) fill_marks(kind, random);
  if (is_defocused) {
    blur(tone_, own.softness);
    if (kind.marks != nullptr) blur(marks_, own.softness);
  }
  fill_light(kind, own);
  alpha_ = coverage_;
  blur(alpha_, own.softness);
  compose(kind, own);
  if (label != 0) take_pixels(label);
}

void ObjectPainter::paint_shadow(const Kind& kind, const Outline& outline, float radius) {
  const float softness = std::max(0.5f, kind.shadow_softness * radius);
  const Point offset = {kind.shadow_offset.x * radius, kind.shadow_offset.y * radius};
  const Outline moved = placed(outline, 0, 1, offset);
  box_ = clipped(bounds_of(moved), 1 + static_cast<int>(2.6f * softness));
  if (box_.is_empty()) return;
  cover(moved, box_, alpha_);
  blur(alpha_, softness);
  for (Plane& channel : canvas_.channels) {
    for (int y = 0; y < box_.height(); ++y) {
      float* to = channel.row(box_.y0 + y) + box_.x0;
      const float* alpha = alpha_.row(y);
      for (int x = 0; x < box_.width(); ++x) to[x] *= 1 - kind.shadow * alpha[x];
    }
  }
}

void ObjectPainter::paint_halo(const Kind& kind, Point centre, float radius, Random& random) {
  ShapeStyle style;
  style.family = ShapeFamily::kBlob;
  style.roughness = 0.5f;
  const float size = radius * draw(random, {1.4f, 2.2f});
  const Outline shape = draw_outline(style, random);
  const Outline outline = placed(shape, 0, size, centre);
  box_ = clipped(bounds_of(outline), 1 + static_cast<int>(0.6f * radius));
  if (box_.is_empty()) return;
  cover(outline, box_, alpha_);
  blur(alpha_, 0.2f * radius);
  for (int c = 0; c < 3; ++c) {
    for (int y = 0; y < box_.height(); ++y) {
      float* to = canvas_.channels[c].row(box_.y0 + y) + box_.x0;
      const float* alpha = alpha_.row(y);
      for (int x = 0; x < box_.width(); ++x) {
        to[x] += (kind.halo_colour[c] - to[x]) * kind.halo * alpha[x];
      }
    }
  }
}

void ObjectPainter::fill_tone(const Kind& kind, const Own& own, Random& random) {
  tone_.reset(box_.height(), box_.width());
  if (kind.texture != nullptr && kind.texture_strength != 0) add_texture(kind, random);
  if (kind.gradient != 0) {
    const float gx = kind.gradient * cosine(own.gradient_turns) / own.radius;
    const float gy = kind.gradient * sine(own.gradient_turns) / own.radius;
    for (int y = 0; y < box_.height(); ++y) {
      float* tone = tone_.row(y);
      const float start = (static_cast<float>(box_.y0 + y) - own.centre.y) * gy +
                          (static_cast<float>(box_.x0) - own.centre.x) * gx;
      for (int x = 0; x < box_.width(); ++x) tone[x] += start + static_cast<float>(x) * gx;
    }
  }
  if (kind.rim != 0) {
    const float scale = 1 / std::max(1.5f, kind.rim_width * own.radius);
    for (size_t i = 0; i < tone_.values.size(); ++i) {
      const float left = std::max(0.0f, 1 - depth_.values[i] * scale);
      tone_.values[i] += kind.rim * left * (2 - left);
    }
  }
  if (kind.core != 0) {
    const float scale = 1 / own.radius;
    for (size_t i = 0; i < tone_.values.size(); ++i) {
      const float inside = std::min(1.0f, depth_.values[i] * scale);
      tone_.values[i] += kind.core * inside;
    }
  }
  if (kind.max_spots > 0) add_spots(kind, own, random);
}

void ObjectPainter::add_texture(const Kind& kind, Random& random) {
  const TextureView view = draw_view(kind.texture_scale, random);
  const int width = box_.width();
  row_.resize(width);
  for (int y = 0; y < box_.height(); ++y) {
    read_texture(*kind.texture, view.walk(0, y), width, row_.data());
    float* tone = tone_.row(y);
    for (int x = 0; x < width; ++x) tone[x] += kind.texture_strength * (2 * row_[x] - 1);
  }
}

void ObjectPainter::add_spots(const Kind& kind, const Own& own, Random& random) {
  const int count = draw_int(random, 0, kind.max_spots);
  for (int i = 0; i < count; ++i) {
    const float turns = random.uniform(), distance = draw(random, {0, 0.6f}) * own.radius;
    const float radius = std::max(1.2f, draw(random, {0.08f, 0.24f}) * own.radius);
    const float cx = own.centre.x + distance * cosine(turns) - static_cast<float>(box_.x0);
    const float cy = own.centre.y + distance * sine(turns) - static_cast<float>(box_.y0);
    const int x_begin = std::max(0, static_cast<int>(cx - radius));
    const int x_end = std::min(box_.width(), static_cast<int>(cx + radius) + 2);
    const int y_begin = std::max(0, static_cast<int>(cy - radius));
    const int y_end = std::min(box_.height(), static_cast<int>(cy + radius) + 2);
    const float scale = 1 / (radius * radius);
    for (int y = y_begin; y < y_end; ++y) {
      float* tone = tone_.row(y);
      const float dy = static_cast<float>(y) - cy;
      for (int x = x_begin; x < x_end; ++x) {
        const float dx = static_cast<float>(x) - cx;
        const float inside = std::max(0.0f, 1 - (dx * dx + dy * dy) * scale);
        tone[x] += kind.spot_strength * inside * (2 - inside);
      }
    }
  }
}

void ObjectPainter::fill_light(const Kind& kind, const Own& own) {
  light_.reset(box_.height(), box_.width(), own.brightness);
  if (kind.dome == 0) return;
  // A height that rises like a quarter of a circle, smoothed since the depth has ridges.
  const float reach = std::max(2.0f, kind.dome_width * own.radius);
  for (float& depth : depth_.values) {
    const float t = std::min(1.0f, depth / reach);
    depth = t * (2 - t);
  }
  blur(depth_, std::max(0.8f, 0.15f * reach));
  const float lx = kind.dome * reach * cosine(kind.light_turns);
  const float ly = kind.dome * reach * sine(kind.light_turns);
  for (int y = 1; y + 1 < box_.height(); ++y) {
    const float *up = depth_.row(y - 1), *here = depth_.row(y), *down = depth_.row(y + 1);
    float* light = light_.row(y);
    for (int x = 1; x + 1 < box_.width(); ++x) {
      const float slope = 0.5f * (lx * (here[x + 1] - here[x - 1]) + ly * (down[x] - up[x]));
      light[x] *= std::clamp(1 + slope, 0.35f, 1.7f);
    }
  }
}

void ObjectPainter::fill_marks(const Kind& kind, Random& random) {
  const TextureView view = draw_view(kind.texture_scale, random);
  marks_.reset(box_.height(), box_.width());
  for (int y = 0; y < box_.height(); ++y) {
    float* marks = marks_.row(y);
    read_texture(*kind.marks, view.walk(0, y), box_.width(), marks);
    for (int x = 0; x < box_.width(); ++x) {
      marks[x] = kind.mark_strength * std::clamp((marks[x] - kind.mark_level) * 8, 0.0f, 1.0f);
    }
  }
}

void ObjectPainter::compose(const Kind& kind, const Own& own) {
  const int width = box_.width();
  row_.resize(width);
  float* colour = row_.data();
  for (int c = 0; c < 3; ++c) {
    const float base = own.base[c], delta = own.alternate[c] - own.base[c];
    for (int y = 0; y < box_.height(); ++y) {
      const float *tone = tone_.row(y), *light = light_.row(y), *alpha = alpha_.row(y);
      for (int x = 0; x < width; ++x) colour[x] = base + delta * tone[x];
      if (kind.marks != nullptr) {
        const float* marks = marks_.row(y);
        for (int x = 0; x < width; ++x) colour[x] += (kind.mark_colour[c] - colour[x]) * marks[x];
      }
      for (int x = 0; x < width; ++x) colour[x] = std::max(0.0f, colour[x] * light[x]);
      float* to = canvas_.channels[c].row(box_.y0 + y) + box_.x0;
      const float opacity = own.opacity;
      switch (kind.blend) {
        case Blend::kOver:
          for (int x = 0; x < width; ++x) to[x] += (colour[x] - to[x]) * opacity * alpha[x];
          break;
        case Blend::kAdd:
          for (int x = 0; x < width; ++x) to[x] += colour[x] * opacity * alpha[x];
          break;
        case Blend::kMultiply:
          for (int x = 0; x < width; ++x) {
            to[x] *= 1 + (std::min(1.0f, colour[x]) - 1) * opacity * alpha[x];
          }
          break;
      }
    }
  }
}

void ObjectPainter::take_pixels(uint16_t label) {
  for (int y = 0; y < box_.height(); ++y) {
    const float* coverage = coverage_.row(y);
    uint16_t* to = labels_.data() + size_t(box_.y0 + y) * canvas_.width() + box_.x0;
    for (int x = 0; x < box_.width(); ++x) {
      if (coverage[x] >= 0.5f) to[x] = label;
    }
  }
}

}  // namespace tessera::segmentation::generated
