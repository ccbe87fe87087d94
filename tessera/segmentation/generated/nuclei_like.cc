// Nuclei for the demonstration.
//
// What keeps a threshold from finding them: light that changes more across the picture than from
// nucleus to tissue, nuclei with a dark rim and a bright middle beside dark ones and pale ones,
// and brighter and darker things that are no nuclei. What lets a person or a small network find
// them: a hue of their own, the rim, the grain inside.
#include <algorithm>
#include <array>

#include "tessera/core/error.h"
#include "tessera/segmentation/generated/background.h"
#include "tessera/segmentation/generated/camera.h"
#include "tessera/segmentation/generated/clutter.h"
#include "tessera/segmentation/generated/kind.h"
#include "tessera/segmentation/generated/layout.h"
#include "tessera/segmentation/generated/palette.h"
#include "tessera/segmentation/generated/scene.h"

namespace tessera::segmentation {
namespace {

using namespace generated;

constexpr int kFewestPixels = 30;  // of a labelled nucleus

Rgb hsv(Random& random, Range hue, Range saturation, Range value) {
  const float h = draw(random, hue), s = draw(random, saturation), v = draw(random, value);
  return from_hsv(h, s, v);
}

/// The numbers of one picture.
struct Slide {
  Texture fibrous, cloudy, granular;
  Rgb tissue, dye;
  Background background;
  Clutter clutter;
  std::array<Kind, 3> nuclei;  // bright middle, dark, pale
  Camera camera;

  explicit Slide(Random& random)
      : fibrous(make_texture(TextureKind::kRidges, 40, random)),
        cloudy(make_texture(TextureKind::kClouds, 30, random)),
        granular(make_texture(TextureKind::kClouds, 7, random)) {
    tissue = hsv(random, {0.86f, 0.98f}, {0.15f, 0.32f}, {0.62f, 0.75f});
    dye = hsv(random, {0.66f, 0.76f}, {0.35f, 0.55f}, {0.5f, 0.62f});
    lay_tissue(random);
    for (Kind& kind : nuclei) draw_common(kind, random);
    Kind &bright = nuclei[0], &dark = nuclei[1], &pale = nuclei[2];
    bright.base = mix(dye, grey(1), 0.35f);
    bright.alternate = scaled(dye, 0.75f);
    bright.rim = draw(random, {0.9f, 1.3f});
    dark.base = scaled(dye, 0.85f);
    dark.alternate = scaled(dye, 0.5f);
    dark.rim = draw(random, {0.2f, 0.6f});
    pale.base = mix(mix(dye, tissue, 0.45f), grey(1), 0.12f);
    pale.alternate = scaled(dye, 0.8f);
    pale.rim = draw(random, {0.7f, 1.1f});
    draw_light(random);
  }

  void lay_tissue(Random& random) {
    background.base = tissue;
    background.second = scaled(tissue, 0.72f);
    background.start = 0.3f;
    background.clouds = draw(random, {0.3f, 0.5f});
    background.cloud_cell = draw(random, {40, 90});
    background.textures = {{&fibrous, draw(random, {0.2f, 0.45f}), 1, 10},
                           {&cloudy, draw(random, {0.1f, 0.35f}), 1, 0}};
    background.third = mix(tissue, grey(1), 0.7f);  // gaps in the tissue
    background.patches = draw(random, {0.6f, 0.95f});
    background.patch_cell = draw(random, {60, 110});
    background.patch_level = draw(random, {0.35f, 0.7f});
    background.patch_softness = 0.25f;

    clutter.lines = draw_int(random, 3, 12);
    clutter.line_width = {1, 4};
    clutter.line_opacity = draw(random, {0.3f, 0.6f});
    clutter.line_bend = 0.4f;
    clutter.line_colour =
        happens(random, 0.5f) ? mix(tissue, grey(1), 0.6f) : scaled(tissue, 0.55f);
    clutter.specks = draw_int(random, 5, 30);
    clutter.speck_colour = scaled(tissue, 0.25f);
    clutter.smudges = draw_int(random, 2, 8);
    clutter.smudge_opacity = draw(random, {0.2f, 0.5f});
    clutter.smudge_colour = scaled(tissue, 0.5f);
  }

  void draw_common(Kind& kind, Random& random) {
    kind.shape = draw_style(ShapeFamily::kBlob, random);
    kind.shape.roughness = draw(random, {0.1f, 0.35f});
    kind.shape.elongation = {1, draw(random, {1.3f, 1.7f})};
    kind.rim_width = draw(random, {0.2f, 0.35f});
    kind.texture = &granular;
    kind.texture_strength = draw(random, {0.25f, 0.6f});
    kind.colour_jitter = 0.02f;
    kind.brightness = {0.9f, 1.1f};
    kind.opacity = {0.85f, 1.0f};
    kind.max_spots = 3;
    kind.spot_strength = draw(random, {0.4f, 0.9f});
    kind.softness = draw(random, {0.5f, 1.0f});
  }

  void draw_light(Random& random) {
    camera.shading = draw(random, {0.3f, 0.5f});
    camera.shading_turns = random.uniform();
    camera.vignette = draw(random, {0.1f, 0.4f});
    camera.blur = draw(random, {0.3f, 0.6f});
    camera.read_noise = draw(random, {0.008f, 0.02f});
    camera.gain = 1.1f;
  }
};

std::vector<Disc> place_nuclei(int height, int width, Random& random) {
  const float area = static_cast<float>(height) * static_cast<float>(width) / (256.0f * 256.0f);
  const float mean = draw(random, {17, 29});  // diameter
  // More than so many do not find room apart from each other.
  const float most = std::min(40.0f, 0.4f * 65536.0f / (0.785f * mean * mean));
  const auto count = static_cast<size_t>(area * draw(random, {16, most}));
  std::vector<Disc> discs(std::max<size_t>(2, count));
  for (Disc& disc : discs) {
    disc.radius = 0.5f * std::clamp(mean * draw_log(random, {0.7f, 1.4f}), 13.0f, 40.0f);
  }
  const Point extent = {static_cast<float>(width), static_cast<float>(height)};
  place_discs(discs, happens(random, 0.5f) ? Layout::kApart : Layout::kTouching, extent, false, {},
              random);
  return discs;
}

/// Numbers the labels with enough pixels from 1 and clears the others.
int renumber(std::vector<uint16_t>& labels, size_t most) {
  std::vector<int> areas(most + 1, 0);
  for (const uint16_t label : labels) ++areas[label];
  std::vector<uint16_t> renamed(areas.size(), 0);
  uint16_t count = 0;
  for (size_t label = 1; label < areas.size(); ++label) {
    if (areas[label] >= kFewestPixels) renamed[label] = ++count;
  }
  for (uint16_t& label : labels) label = renamed[label];
  return count;
}

}  // namespace

Scene make_nuclei_like(int height, int width, uint64_t seed) {
  TESSERA_CHECK(height >= 64 && height <= 4096 && width >= 64 && width <= 4096,
                "[make_nuclei_like] sides must be 64 to 4096 pixels, got ", height, " x ", width);
  Random random(seed);
  const Slide slide(random);
  Canvas canvas(height, width);
  paint_background(canvas, slide.background, random);
  paint_clutter_below(canvas, slide.clutter, random);

  Scene scene;
  scene.labels.assign(size_t(height) * width, 0);
  ObjectPainter painter(canvas, scene.labels);
  const auto discs = place_nuclei(height, width, random);
  const float bright = draw(random, {0.4f, 0.6f}), dark = draw(random, {0.15f, 0.3f});
  uint16_t label = 0;
  for (const Disc& disc : discs) {
    const Kind& kind = slide.nuclei[pick(random, {bright, dark, 1 - bright - dark})];
    painter.paint(kind, disc.centre, disc.radius, ++label, random);
  }
  paint_clutter_above(canvas, slide.clutter, random);
  scene.image = take_picture(canvas, slide.camera, random);
  scene.num_instances = renumber(scene.labels, discs.size());
  scene.groups.assign(scene.num_instances, 0);
  return scene;
}

}  // namespace tessera::segmentation
