#include "tessera/segmentation/generated/world_builder.h"

#include <algorithm>

namespace tessera::segmentation::generated {

World draw_world(const SceneSettings& settings, Random& random) {
  return WorldBuilder(settings, random).build();
}

World WorldBuilder::build() {
  switch (pick(random_, {0.42f, 0.14f, 0.20f, 0.14f, 0.10f})) {
    case 0:
      draw_things();
      break;
    case 1:
      draw_smooth();
      break;
    case 2:
      draw_dark_field();
      break;
    case 3:
      draw_stained();
      break;
    default:
      draw_bright_field();
  }
  draw_order();
  return std::move(world_);
}

Rgb WorldBuilder::draw_hsv(Range hue, Range saturation, Range value) {
  const float h = draw(hue), s = draw(saturation), v = draw(value);
  return from_hsv(h, s, v);
}

Range WorldBuilder::draw_range(Range low, Range width) {
  const float begin = draw(low);
  return {begin, begin + draw(width)};
}

const Texture* WorldBuilder::draw_texture(Range feature) {
  const auto kind = static_cast<TextureKind>(
      pick(random_, {0.10f, 0.22f, 0.12f, 0.10f, 0.10f, 0.08f, 0.08f, 0.03f, 0.07f, 0.10f}));
  const float pixels = std::clamp(scale_ * draw_log(feature), 3.0f, 128.0f);
  world_.textures.push_back(std::make_unique<Texture>(make_texture(kind, pixels, random_)));
  return world_.textures.back().get();
}

ShapeStyle WorldBuilder::draw_any_shape() {
  const int family = pick(random_, {0.09f, 0.08f, 0.17f, 0.08f, 0.10f, 0.05f, 0.05f, 0.05f, 0.05f,
                                    0.04f, 0.05f, 0.07f, 0.06f, 0.02f, 0.05f});
  return draw_style(static_cast<ShapeFamily>(family), random_);
}

ShapeStyle WorldBuilder::draw_round_shape() {
  constexpr std::array kFamilies = {
      ShapeFamily::kEllipse, ShapeFamily::kBlob, ShapeFamily::kSuperellipse, ShapeFamily::kBudding,
      ShapeFamily::kConvex,  ShapeFamily::kWorm, ShapeFamily::kCrescent,     ShapeFamily::kRing};
  const int index = pick(random_, {0.25f, 0.40f, 0.08f, 0.12f, 0.06f, 0.05f, 0.02f, 0.02f});
  ShapeStyle style = draw_style(kFamilies[index], random_);
  style.roughness *= 0.6f;
  style.rounding = std::max(2, style.rounding);
  const float least = draw({1, 1.3f});
  if (style.is_round) style.elongation = {least, least + draw({0.05f, 0.7f})};
  return style;
}

void WorldBuilder::draw_surface(Kind& kind) {
  if (happens(0.7f)) {
    kind.texture = draw_texture({4, 60});
    kind.texture_strength = draw({0.1f, 1.0f});
    kind.texture_scale = draw_log({0.5f, 1.8f});
  }
  if (happens(0.2f)) {
    kind.marks = draw_texture({8, 80});
    kind.mark_strength = draw({0.3f, 1.0f});
    kind.mark_level = draw({0.4f, 0.75f});
  }
  if (happens(0.3f)) kind.gradient = draw({0.1f, 0.7f});
  if (happens(0.35f)) kind.rim = draw({-1.0f, 1.5f});
  kind.rim_width = draw_log({0.06f, 0.6f});
  if (happens(0.25f)) kind.core = draw({-0.8f, 1.0f});
  if (happens(0.2f)) {
    kind.max_spots = draw_int(random_, 1, 7);
    kind.spot_strength = draw({-1.0f, 1.2f});
  }
  if (happens(0.35f)) kind.dome = draw({0.15f, 0.9f});
  kind.dome_width = draw({0.2f, 1.0f});
  kind.light_turns = random_.uniform();
  kind.softness = happens(0.6f) ? draw({0, 0.7f}) : draw({0.7f, 3.0f});
  if (happens(0.15f)) kind.defocused = draw({0.05f, 0.5f});
  if (happens(0.25f)) {
    kind.shadow = draw({0.1f, 0.6f});
    const float turns = random_.uniform(), distance = draw({0.05f, 0.35f});
    kind.shadow_offset = {distance * cosine(turns), distance * sine(turns)};
    kind.shadow_softness = draw({0.05f, 0.35f});
  }
  if (happens(0.12f)) kind.opacity = draw_range({0.45f, 0.8f}, {0, 0.2f});
  if (happens(0.6f)) kind.colour_jitter = draw({0.005f, 0.07f});
  if (happens(0.4f)) kind.brightness = {1 / draw({1, 1.4f}), draw({1, 1.3f})};
}

void WorldBuilder::draw_ground(float strength) {
  Background& ground = world_.background;
  if (happens(0.45f)) ground.gradient = strength * draw({0.2f, 1.5f});
  if (happens(0.7f)) ground.clouds = strength * draw({0.1f, 0.8f});
  ground.cloud_cell = scale_ * draw_log({12, 250});
  ground.cloud_octaves = draw_int(random_, 1, 5);
  const int layers = pick(random_, {0.3f, 0.45f, 0.25f});
  for (int i = 0; i < layers; ++i) {
    TextureLayer layer;
    layer.texture = draw_texture({4, 110});
    layer.strength = strength * draw({0.1f, 1.0f});
    layer.scale = draw_log({0.4f, 1.6f});
    if (happens(0.35f)) layer.warp = scale_ * draw({4, 30});
    ground.textures.push_back(layer);
  }
  if (happens(0.3f)) ground.patches = strength * draw({0.2f, 1.0f});
  ground.patch_cell = scale_ * draw_log({40, 300});
  ground.patch_softness = draw_log({0.02f, 0.8f});
  ground.patch_level = draw({-0.5f, 0.6f});
}

void WorldBuilder::add(const Kind& kind, Range diameter, int count, Layout layout, float room) {
  // Below 10 pixels across there is not much of a shape left.
  const float low = std::max(10.0f, scale_ * diameter.low);
  const float high = std::max(low, scale_ * diameter.high);
  const float mean = 0.25f * (low + high);  // radius
  const float most = room * size_ * size_ / (3.14f * mean * mean);
  int left = max_objects_;
  for (const Population& population : world_.populations) left -= population.count;
  count = std::min({count, std::max(1, static_cast<int>(most)), left});
  if (count < 1) return;
  world_.populations.push_back({kind, layout, {0.5f * low, 0.5f * high}, count});
}

void WorldBuilder::add_crowd(const Kind& kind) {
  const float diameter = draw_log({13, 46}), spread = 1 + draw({0.05f, 0.6f});
  const auto count = static_cast<int>(draw_log({15, 120}));
  const auto layout = static_cast<Layout>(pick(random_, {0.15f, 0.2f, 0.2f, 0.35f, 0.05f, 0.05f}));
  add(kind, {diameter / spread, diameter * spread}, count, layout, 0.6f);
}

void WorldBuilder::add_few(const Kind& kind, int abundance) {
  constexpr std::array<Range, 4> kDiameters = {{{14, 45}, {40, 120}, {100, 240}, {200, 400}}};
  constexpr std::array kCounts = {24, 14, 6, 2};
  const int size_class = pick(random_, {0.2f, 0.4f, 0.28f, 0.12f});
  const float diameter = draw_log(kDiameters[size_class]), spread = 1 + draw({0.02f, 0.5f});
  const int count = abundance * draw_int(random_, 1, kCounts[size_class]);
  const auto layout =
      static_cast<Layout>(pick(random_, {0.32f, 0.22f, 0.12f, 0.22f, 0.06f, 0.06f}));
  add(kind, {diameter / spread, std::min(400.0f, diameter * spread)}, count, layout, 0.45f);
}

void WorldBuilder::draw_order() {
  auto& populations = world_.populations;
  if (happens(0.75f)) {  // else small ones may vanish below large ones
    std::stable_sort(populations.begin(), populations.end(),
                     [](const auto& a, const auto& b) { return a.radius.high > b.radius.high; });
  }
  world_.is_shuffled = happens(0.25f);
  world_.avoids_overlap = happens(0.55f);
}

void WorldBuilder::draw_camera() {
  Camera& camera = world_.camera;
  if (happens(0.35f)) camera.vignette = draw({0.1f, 0.8f});
  if (happens(0.35f)) camera.shading = draw({0.05f, 0.45f});
  camera.shading_turns = random_.uniform();
  if (happens(0.12f)) camera.spot = draw({0.1f, 0.6f});
  if (happens(0.5f)) camera.blur = draw({0.3f, 0.8f});
  if (happens(0.2f)) camera.blur = draw({0.8f, 2.0f});
  if (happens(0.75f)) camera.read_noise = draw_log({0.004f, 0.05f});
  if (happens(0.4f)) camera.shot_noise = draw_log({0.00005f, 0.003f});
  if (happens(0.3f)) camera.noise_blur = draw({0.4f, 1.2f});
  if (happens(0.15f)) camera.blockiness = draw_log({0.02f, 0.1f});
  if (happens(0.12f)) camera.is_stretched = true;
  if (happens(0.3f)) camera.gain = draw({0.6f, 1.2f});
  if (happens(0.2f)) camera.offset = draw({-0.1f, 0.15f});
  if (happens(0.4f)) camera.gamma = grey(draw_log({0.6f, 1.6f}));
  if (happens(0.25f)) {
    for (float& gamma : camera.gamma) gamma *= draw({0.85f, 1.18f});
  }
}

}  // namespace tessera::segmentation::generated
