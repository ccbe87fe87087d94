// Worlds as seen through a microscope: many small round objects, low contrast, uneven light.
#include <algorithm>

#include "tessera/segmentation/generated/world_builder.h"

namespace tessera::segmentation::generated {

Kind WorldBuilder::dark_field_kind(const Rgb& tint, float peak, float ground) {
  Kind kind;
  draw_surface(kind);
  kind.shape = happens(0.9f) ? draw_round_shape() : draw_any_shape();
  kind.blend = happens(0.6f) ? Blend::kAdd : Blend::kOver;
  const float level = peak * draw({0.5f, 1.0f});
  kind.base = scaled(tint, kind.blend == Blend::kAdd ? level : ground + level);
  kind.alternate = scaled(kind.base, happens(0.5f) ? draw({0.3f, 0.8f}) : draw({1.2f, 1.8f}));
  kind.texture_strength *= 0.7f;
  kind.mark_colour = scaled(kind.base, draw({0.4f, 1.6f}));
  kind.colour_jitter = 0;
  const float spread = happens(0.6f) ? draw({0.05f, 0.4f}) : draw({0.4f, 1.6f});
  kind.brightness = {1 / (1 + spread), 1 + spread};
  kind.opacity = {1, 1};
  kind.shadow = 0;
  kind.dome *= 0.5f;
  kind.softness = scale_ * draw_log({0.4f, 2.2f});
  kind.defocused = happens(0.4f) ? draw({0.05f, 0.5f}) : 0;
  return kind;
}

void WorldBuilder::draw_dark_field() {
  const int tinting = pick(random_, {0.55f, 0.25f, 0.2f});  // grey, one hue, a hue for each kind
  const auto draw_tint = [&] {
    return tinting == 0 ? grey(1) : draw_hsv({0, 1}, {0.5f, 1}, {1, 1});
  };
  const Rgb tint = draw_tint();
  const float peak = happens(0.35f) ? draw_log({0.08f, 0.3f}) : draw({0.3f, 0.95f});
  const float dark = peak * draw_log({0.01f, 0.45f});

  Background& ground = world_.background;
  ground.base = scaled(tint, dark);
  ground.second = scaled(tint, dark + peak * draw({0.02f, 0.2f}));
  ground.third = scaled(tint, dark + peak * draw({0.02f, 0.25f}));
  ground.start = 0.2f;
  draw_ground(0.6f);

  const bool has_crowd = happens(0.85f);
  const int kinds = 1 + pick(random_, {0.68f, 0.24f, 0.08f});
  for (int i = 0; i < kinds; ++i) {
    const Kind kind = dark_field_kind(tinting == 2 ? draw_tint() : tint, peak, dark);
    if (has_crowd && i == 0) {
      add_crowd(kind);
    } else {
      add_few(kind, 1);
    }
  }

  Clutter& clutter = world_.clutter;
  if (happens(0.3f)) clutter.smudges = draw_int(random_, 1, 9);
  clutter.smudge_opacity = draw({0.1f, 0.3f});
  clutter.smudge_colour = scaled(tint, peak * draw({0.3f, 1}));
  if (happens(0.25f)) clutter.specks = static_cast<int>(draw_log({3, 60}));
  clutter.speck_colour = scaled(tint, peak);
  if (happens(0.1f)) clutter.lines = draw_int(random_, 1, 8);
  clutter.line_colour = scaled(tint, peak * 0.6f);
  clutter.line_opacity = draw({0.1f, 0.5f});

  draw_camera();
  Camera& camera = world_.camera;
  camera.is_grey = tinting == 0;
  camera.offset = 0;
  if (peak < 0.3f) {  // darker still would be black
    camera.gain = 1;
    for (float& gamma : camera.gamma) gamma = std::min(gamma, 1.05f);
  }
  camera.read_noise = peak * draw_log({0.004f, 0.1f});
  camera.shot_noise = happens(0.5f) ? peak * draw_log({0.0005f, 0.008f}) : 0;
  camera.blockiness *= std::min(1.0f, 1.5f * peak);
  camera.is_stretched = happens(0.25f);
  camera.is_inverted = happens(0.08f);
}

Kind WorldBuilder::stained_kind(const Rgb& dye, const Rgb& pale) {
  Kind kind;
  draw_surface(kind);
  kind.shape = draw_round_shape();
  if (happens(0.25f)) {  // spindles
    kind.shape = draw_style(ShapeFamily::kEllipse, random_);
    kind.shape.elongation = draw_range({1.5f, 2.2f}, {0.3f, 1.6f});
  }
  kind.blend = happens(0.65f) ? Blend::kMultiply : Blend::kOver;
  kind.base = varied(dye, 0.15f, random_);
  kind.alternate = happens(0.5f) ? scaled(kind.base, draw({0.4f, 0.8f}))
                                 : mix(kind.base, pale, draw({0.2f, 0.7f}));
  kind.mark_colour = varied(mix(dye, pale, draw({0, 0.5f})), 0.3f, random_);
  kind.colour_jitter = draw({0.01f, 0.06f});
  kind.brightness = {1 / draw({1, 1.35f}), draw({1, 1.35f})};
  kind.opacity = draw_range({0.6f, 0.9f}, {0, 0.1f});
  kind.dome = 0;
  kind.shadow = 0;
  kind.softness = scale_ * draw_log({0.4f, 2.0f});
  if (happens(0.4f)) {
    kind.halo = draw({0.15f, 0.7f});
    kind.halo_colour = happens(0.5f) ? pale : varied(mix(dye, pale, 0.7f), 0.15f, random_);
  }
  return kind;
}

void WorldBuilder::draw_stained() {
  const Rgb white = draw_hsv({0, 1}, {0, 0.06f}, {0.82f, 0.99f});
  const Range pale_hue = happens(0.6f) ? Range{0.82f, 1.02f} : Range{0, 1};
  const Rgb pale = draw_hsv(pale_hue, {0.15f, 0.55f}, {0.7f, 0.97f});
  const Range dye_hue = happens(0.6f) ? Range{0.6f, 0.84f} : Range{0, 1};
  const Rgb dye = draw_hsv(dye_hue, {0.3f, 0.8f}, {0.22f, 0.65f});

  Background& ground = world_.background;
  ground.base = mix(white, pale, draw({0, 1}));
  ground.second = mix(white, pale, draw({0.2f, 1.3f}));
  ground.third = happens(0.5f) ? white : mix(pale, dye, draw({0.05f, 0.35f}));
  draw_ground(1);
  if (happens(0.6f)) ground.clouds = draw({0.3f, 1.0f});

  const bool has_crowd = happens(0.85f);
  const int kinds = 1 + pick(random_, {0.6f, 0.3f, 0.1f});
  for (int i = 0; i < kinds; ++i) {
    const Rgb other = draw_hsv({0, 1}, {0.2f, 0.7f}, {0.3f, 0.75f});
    const Kind kind = stained_kind(i == 0 || happens(0.5f) ? dye : other, pale);
    if (has_crowd && i == 0) {
      add_crowd(kind);
    } else {
      add_few(kind, 1);
    }
  }

  Clutter& clutter = world_.clutter;
  if (happens(0.5f)) clutter.lines = draw_int(random_, 2, 40);
  clutter.line_colour = happens(0.6f) ? varied(pale, 0.3f, random_) : white;
  clutter.line_opacity = draw({0.15f, 0.6f});
  clutter.line_width = {1, scale_ * draw({2, 7})};
  if (happens(0.3f)) clutter.specks = static_cast<int>(draw_log({3, 80}));
  clutter.speck_colour = happens(0.5f) ? dye : scaled(dye, 0.4f);
  if (happens(0.5f)) clutter.smudges = draw_int(random_, 1, 14);
  clutter.smudge_opacity = draw({0.1f, 0.4f});
  clutter.smudge_colour = happens(0.5f) ? white : mix(pale, dye, draw({0, 0.5f}));

  draw_camera();
  world_.camera.is_grey = false;
  world_.camera.vignette *= 0.5f;
  world_.camera.shading *= 0.6f;
}

Kind WorldBuilder::bright_field_kind(const Rgb& ground) {
  Kind kind;
  draw_surface(kind);
  kind.shape = happens(0.85f) ? draw_round_shape() : draw_any_shape();
  const float contrast = draw_log({0.04f, 0.5f});
  kind.base = scaled(ground, happens(0.7f) ? 1 - contrast : 1 + 0.5f * contrast);
  kind.alternate = scaled(ground, happens(0.6f) ? draw({0.2f, 0.8f}) : draw({1.05f, 1.4f}));
  if (happens(0.7f)) kind.rim = draw({0.3f, 1.2f});
  kind.rim_width = draw_log({0.08f, 0.4f});
  kind.texture_strength *= 0.5f;
  kind.mark_colour = scaled(ground, draw({0.6f, 1.2f}));
  kind.colour_jitter = 0;
  kind.shadow = 0;
  if (happens(0.35f)) kind.dome = draw({0.2f, 0.9f});
  kind.opacity = draw_range({0.5f, 0.85f}, {0.05f, 0.15f});
  kind.softness = scale_ * draw_log({0.4f, 2.5f});
  if (happens(0.4f)) {
    kind.halo = draw({0.1f, 0.6f});
    kind.halo_colour = scaled(ground, draw({1.05f, 1.35f}));
  }
  return kind;
}

void WorldBuilder::draw_bright_field() {
  const bool is_grey = happens(0.6f);
  const float level = draw({0.3f, 0.88f});
  const Rgb light = is_grey ? grey(level) : draw_hsv({0, 1}, {0.03f, 0.3f}, {level, level});
  Background& ground = world_.background;
  ground.base = light;
  ground.second = scaled(light, draw({0.8f, 1.2f}));
  ground.third = scaled(light, draw({0.7f, 1.2f}));
  draw_ground(0.6f);

  const bool has_crowd = happens(0.75f);
  const int kinds = 1 + pick(random_, {0.65f, 0.27f, 0.08f});
  for (int i = 0; i < kinds; ++i) {
    const Kind kind = bright_field_kind(light);
    if (has_crowd && i == 0) {
      add_crowd(kind);
    } else {
      add_few(kind, 1);
    }
  }

  Clutter& clutter = world_.clutter;
  if (happens(0.3f)) clutter.lines = draw_int(random_, 1, 20);
  clutter.line_colour = scaled(light, draw({0.4f, 1.3f}));
  clutter.line_opacity = draw({0.1f, 0.6f});
  if (happens(0.4f)) clutter.specks = static_cast<int>(draw_log({3, 100}));
  clutter.speck_colour = scaled(light, draw({0.1f, 0.7f}));
  if (happens(0.4f)) clutter.smudges = draw_int(random_, 1, 10);
  clutter.smudge_opacity = draw({0.1f, 0.4f});
  clutter.smudge_colour = scaled(light, draw({0.6f, 1.2f}));
  if (happens(0.06f)) clutter.marks = draw_int(random_, 1, 2);

  draw_camera();
  world_.camera.is_grey = is_grey;
  world_.camera.is_inverted = happens(0.1f);
}

}  // namespace tessera::segmentation::generated
