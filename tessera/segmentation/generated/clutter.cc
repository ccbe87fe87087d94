#include "tessera/segmentation/generated/clutter.h"

#include <algorithm>
#include <cmath>

#include "tessera/segmentation/generated/outlines.h"

namespace tessera::segmentation::generated {
namespace {

class ClutterPainter {
 public:
  explicit ClutterPainter(Canvas& canvas) : canvas_(canvas) {}

  void paint(const Outline& outline, const Rgb& colour, float opacity, float softness) {
    const int margin = 1 + static_cast<int>(2.6f * softness);
    Box box = bounds_of(outline);
    box = {std::max(0, box.x0 - margin), std::max(0, box.y0 - margin),
           std::min(canvas_.width(), box.x1 + margin), std::min(canvas_.height(), box.y1 + margin)};
    if (box.is_empty()) return;
    cover(outline, box, alpha_);
    blur(alpha_, softness);
    for (int c = 0; c < 3; ++c) {
      for (int y = 0; y < box.height(); ++y) {
        const float* alpha = alpha_.row(y);
        float* to = canvas_.channels[c].row(box.y0 + y) + box.x0;
        for (int x = 0; x < box.width(); ++x) to[x] += (colour[c] - to[x]) * opacity * alpha[x];
      }
    }
  }

  /// In short pieces, since a long line's box would be mostly empty. Pieces share their ends.
  void paint_line(const Clutter& clutter, Random& random) {
    const float step = 12, half_width = 0.5f * draw(random, clutter.line_width);
    const int pieces = draw_int(random, 6, 50);
    float turns = random.uniform();
    const float bend = clutter.line_bend * draw(random, {-1, 1}) / static_cast<float>(pieces);
    Point at = anywhere(random);
    Point left = {}, right = {};
    for (int i = 0; i <= pieces; ++i) {
      const float dx = cosine(turns), dy = sine(turns);
      const Point next_left = {at.x - dy * half_width, at.y + dx * half_width};
      const Point next_right = {at.x + dy * half_width, at.y - dx * half_width};
      if (i > 0) {
        paint({{{left, next_left, next_right, right}}}, clutter.line_colour, clutter.line_opacity,
              0);
      }
      left = next_left;
      right = next_right;
      at = {at.x + step * dx, at.y + step * dy};
      turns += bend + 0.15f * clutter.line_bend * draw(random, {-1, 1});
    }
  }

  void paint_blob(Range radius, float softness, const Rgb& colour, float opacity, Random& random) {
    ShapeStyle style;
    style.family = ShapeFamily::kBlob;
    style.elongation = {1, 2.2f};
    style.roughness = 0.6f;
    const float size = draw_log(random, radius);
    const Outline shape = draw_outline(style, random);
    const Point centre = anywhere(random);
    paint(placed(shape, 0, size, centre), colour, opacity, softness * size);
  }

  void paint_mark(const Clutter& clutter, Random& random) {
    ShapeStyle style;
    style.family = ShapeFamily::kStrokes;
    style.elongation = {1, 1.01f};
    style.proportion = 0.15f;
    const float size = draw(random, {3, 8});
    Point at = anywhere(random);
    const int letters = draw_int(random, 2, 9);
    for (int i = 0; i < letters; ++i) {
      style.count = draw_int(random, 3, 9);
      const Outline shape = draw_outline(style, random);
      paint(placed(shape, 0, size, at), clutter.mark_colour, 0.9f, 0);
      at.x += size * draw(random, {1.7f, 2.3f});
    }
  }

 private:
  Point anywhere(Random& random) {
    const float x = random.uniform() * static_cast<float>(canvas_.width());
    const float y = random.uniform() * static_cast<float>(canvas_.height());
    return {x, y};
  }

  Canvas& canvas_;
  Plane alpha_;
};

void paint_lines(ClutterPainter& painter, const Clutter& clutter, Random& random) {
  for (int i = 0; i < clutter.lines; ++i) painter.paint_line(clutter, random);
}

}  // namespace

void paint_clutter_below(Canvas& canvas, const Clutter& clutter, Random& random) {
  ClutterPainter painter(canvas);
  const auto side = static_cast<float>(canvas.width());
  for (int i = 0; i < clutter.smudges; ++i) {
    const float opacity = clutter.smudge_opacity * draw(random, {0.4f, 1});
    painter.paint_blob({0.05f * side, 0.2f * side}, 0.4f, clutter.smudge_colour, opacity, random);
  }
  if (!clutter.lines_are_above) paint_lines(painter, clutter, random);
  for (int i = 0; i < clutter.marks; ++i) painter.paint_mark(clutter, random);
}

void paint_clutter_above(Canvas& canvas, const Clutter& clutter, Random& random) {
  ClutterPainter painter(canvas);
  if (clutter.lines_are_above) paint_lines(painter, clutter, random);
  for (int i = 0; i < clutter.specks; ++i) {
    const float opacity = draw(random, {0.3f, 1});
    painter.paint_blob({0.7f, 2.2f}, 0.2f, clutter.speck_colour, opacity, random);
  }
  for (int i = 0; i < clutter.highlights; ++i) {
    painter.paint_blob(clutter.highlight_radius, 0.15f, clutter.highlight_colour, 0.95f, random);
  }
}

}  // namespace tessera::segmentation::generated
