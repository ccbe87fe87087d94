// Worlds of anything: the variety that a promptable model learns "an object" from.
#include <algorithm>

#include "tessera/segmentation/generated/world_builder.h"

namespace tessera::segmentation::generated {

void WorldBuilder::draw_things() {
  const Palette palette = draw_palette(random_);
  Background& ground = world_.background;
  ground.base = draw_colour(palette, random_);
  ground.second = happens(0.65f) ? varied(ground.base, draw({0.1f, 0.5f}), random_)
                                 : draw_colour(palette, random_);
  ground.third = happens(0.5f) ? varied(ground.base, 0.4f, random_) : draw_colour(palette, random_);
  if (happens(0.85f)) draw_ground(1);

  const bool has_crowd = happens(0.4f), is_full = happens(0.35f);
  const int kinds =
      is_full ? draw_int(random_, 3, 5) : 1 + pick(random_, {0.28f, 0.27f, 0.22f, 0.13f, 0.10f});
  const float contrast = draw({0.06f, 0.35f});
  for (int i = 0; i < kinds; ++i) {
    Kind kind;
    const bool is_crowd = has_crowd && i == 0;
    kind.shape = is_crowd && happens(0.6f) ? draw_round_shape() : draw_any_shape();
    kind.base = draw_contrasting(palette, ground.base, contrast, random_);
    kind.alternate = happens(0.7f) ? varied(kind.base, draw({0.1f, 0.7f}), random_)
                                   : draw_colour(palette, random_);
    draw_surface(kind);
    kind.mark_colour = draw_colour(palette, random_);
    if (is_crowd) {
      add_crowd(kind);
    } else {
      add_few(kind, is_full ? 3 : 1);
    }
  }

  Clutter& clutter = world_.clutter;
  if (happens(0.3f)) clutter.lines = draw_int(random_, 1, 14);
  clutter.lines_are_above = happens(0.4f);
  clutter.line_colour = draw_colour(palette, random_);
  clutter.line_opacity = draw({0.15f, 0.9f});
  clutter.line_bend = draw({0, 0.5f});
  if (happens(0.25f)) clutter.specks = static_cast<int>(draw_log({3, 120}));
  clutter.speck_colour = draw_colour(palette, random_);
  if (happens(0.3f)) clutter.smudges = draw_int(random_, 1, 8);
  clutter.smudge_opacity = draw({0.05f, 0.25f});
  clutter.smudge_colour = draw_colour(palette, random_);
  if (happens(0.12f)) clutter.marks = draw_int(random_, 1, 4);
  clutter.mark_colour = draw_colour(palette, random_);
  if (happens(0.08f)) clutter.highlights = draw_int(random_, 2, 25);

  draw_camera();
  world_.camera.is_grey = palette.tone == Palette::Tone::kGrey;
  world_.camera.is_inverted = happens(0.08f);
}

void WorldBuilder::draw_smooth() {
  const Range hue = happens(0.6f) ? Range{-0.04f, 0.11f} : Range{0, 1};
  Background& ground = world_.background;
  ground.base = draw_hsv(hue, {0.15f, 0.75f}, {0.35f, 0.85f});
  ground.second = varied(ground.base, draw({0.15f, 0.6f}), random_);
  ground.third = varied(ground.base, 0.4f, random_);
  draw_ground(0.7f);
  ground.cloud_cell = scale_ * draw_log({60, 300});
  ground.clouds = draw({0.2f, 0.9f});
  ground.patch_softness = draw({0.3f, 1.2f});

  const int kinds = 1 + pick(random_, {0.7f, 0.25f, 0.05f});
  for (int i = 0; i < kinds; ++i) {
    Kind kind;
    draw_surface(kind);
    kind.shape = draw_round_shape();
    kind.base = varied(ground.base, draw({0.05f, 0.3f}), random_);
    kind.alternate = varied(kind.base, draw({0.1f, 0.4f}), random_);
    kind.texture_strength *= 0.6f;
    kind.mark_colour = varied(kind.base, 0.4f, random_);
    kind.opacity = {1, 1};
    if (happens(0.85f)) kind.dome = draw({0.25f, 1.0f});
    kind.dome_width = draw({0.15f, 1.0f});
    kind.softness = scale_ * draw_log({0.6f, 5});
    if (happens(0.5f)) kind.shadow = draw({0.1f, 0.5f});
    kind.shadow_softness = draw({0.1f, 0.4f});
    const float diameter = draw_log({45, 400}), spread = 1 + draw({0.02f, 0.5f});
    const int most = diameter < 90 ? 9 : diameter < 180 ? 4 : 2;
    const int count = draw_int(random_, 1, most);
    const Layout layout = happens(0.5f) ? Layout::kApart : Layout::kAnywhere;
    add(kind, {diameter / spread, std::min(400.0f, diameter * spread)}, count, layout, 0.6f);
  }

  Clutter& clutter = world_.clutter;
  if (happens(0.5f)) clutter.lines = draw_int(random_, 1, 25);
  clutter.lines_are_above = happens(0.5f);
  clutter.line_colour = varied(scaled(ground.base, 0.6f), 0.2f, random_);
  clutter.line_opacity = draw({0.1f, 0.5f});
  clutter.line_bend = draw({0.1f, 0.8f});
  if (happens(0.6f)) clutter.highlights = static_cast<int>(draw_log({2, 45}));
  clutter.highlight_radius = {1, scale_ * draw({3, 12})};
  clutter.highlight_colour = mix(ground.base, grey(1), draw({0.5f, 1}));
  if (happens(0.4f)) clutter.smudges = draw_int(random_, 1, 10);
  clutter.smudge_opacity = draw({0.1f, 0.35f});
  clutter.smudge_colour = varied(ground.base, 0.6f, random_);

  draw_camera();
  Camera& camera = world_.camera;
  if (happens(0.6f)) camera.vignette = draw({0.2f, 0.95f});
  if (happens(0.35f)) camera.spot = draw({0.2f, 0.8f});
  if (happens(0.3f)) camera.aperture_radius = draw({0.85f, 1.3f});
  camera.aperture_x = draw({-0.1f, 0.1f});
  camera.aperture = happens(0.8f) ? grey(draw({0, 0.04f})) : grey(draw({0.1f, 1}));
  if (happens(0.25f)) camera.blockiness = draw_log({0.02f, 0.1f});
}

}  // namespace tessera::segmentation::generated
