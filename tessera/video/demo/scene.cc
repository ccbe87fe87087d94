#include "tessera/video/demo/scene.h"

#include <algorithm>
#include <cmath>

#include "tessera/video/demo/distribution.h"
#include "tessera/video/demo/paths.h"

namespace tessera::video {
namespace {

using namespace distribution;

constexpr double kPi = std::numbers::pi;

Rgb tinted(const Rgb& colour, Random& random) {
  Rgb result;
  for (size_t i = 0; i < 3; ++i) {
    result[i] = std::clamp(colour[i] + static_cast<float>(draw(random, kTint)), 0.0f, 1.0f);
  }
  return result;
}

template <typename Function>
Rgb each_channel(const Rgb& colour, Function change) {
  return {change(colour[0]), change(colour[1]), change(colour[2])};
}

SceneObject make_object(const ObjectGroup& group, Random& random) {
  SceneObject object;
  object.shape = group.shape;
  object.fill = group.fill;
  const Range frequency = kFillFrequency[static_cast<size_t>(group.fill)];
  object.fill_frequency = static_cast<float>(draw(random, frequency));
  object.fill_angle = static_cast<float>(draw(random, kTextureAngle));
  object.fill_phase = random.uniform();
  object.base = tinted(kObjectPalette[static_cast<size_t>(group.colour)], random);
  const auto& [red, green, blue] = object.base;
  const bool is_bright = 0.3f * red + 0.59f * green + 0.11f * blue > kBrightObject;
  object.alternate = each_channel(object.base, [=](float c) {
    return is_bright ? c * kDarkerObject : c + kLighterObject * (1 - c);
  });
  return object;
}

Ground make_ground(const Attributes& attributes, Random& random) {
  Ground ground;
  ground.texture = attributes.ground;
  const Range frequency = kGroundFrequency[static_cast<size_t>(attributes.ground)];
  ground.frequency = static_cast<float>(draw(random, frequency));
  ground.angle = static_cast<float>(draw(random, kTextureAngle));
  ground.phase = random.uniform();
  ground.base = tinted(kGroundPalette[static_cast<size_t>(attributes.ground_colour)], random);
  const bool is_dark = *std::max_element(ground.base.begin(), ground.base.end()) <= kDarkGround;
  ground.alternate = each_channel(
      ground.base, [=](float c) { return is_dark ? c + kLighterGround : c * kDarkerGround; });
  ground.light = static_cast<float>(draw(random, kLight));
  for (auto& wave : ground.waves) {
    const double frequency = draw(random, kCloudFrequency), angle = 2 * kPi * random.uniform();
    wave = {static_cast<float>(frequency * std::cos(angle)),
            static_cast<float>(frequency * std::sin(angle)), random.uniform()};
  }
  return ground;
}

}  // namespace

Scene make_scene(const Attributes& attributes, const ClipShape& shape, Random& random) {
  int count = 0;
  for (const auto& group : attributes.groups) count += group.count;
  Extent extent;
  extent.aspect = static_cast<double>(shape.width) / static_cast<double>(shape.height);
  extent.radius =
      draw(random, kRadius[static_cast<size_t>(count - 1)]) * std::min(1.0, extent.aspect);
  extent.room = {extent.aspect - 2 * kMargin * extent.radius, 1 - 2 * kMargin * extent.radius};

  const int64_t film_frames = std::max(shape.film_frames, shape.frames);
  std::vector<Step> steps = make_steps(attributes, extent, film_frames, random);
  const auto places = place_objects(count, extent, steps, random);
  const int64_t first = random.below(film_frames - shape.frames + 1);
  steps = {steps.begin() + first, steps.begin() + first + shape.frames};

  Scene scene;
  for (const auto& group : attributes.groups) {
    for (int i = 0; i < group.count; ++i) {
      const Point place = places[scene.objects.size()];
      const double radius = extent.radius * draw(random, kRadiusOfOne);
      const double tilt = draw(random, kTilt);
      scene.objects.push_back(make_object(group, random));
      for (const auto& step : steps) {
        scene.objects.back().path.push_back({static_cast<float>(place.x + step.offset.x),
                                             static_cast<float>(place.y + step.offset.y),
                                             static_cast<float>(radius * step.size),
                                             static_cast<float>(step.angle + tilt)});
      }
    }
  }
  scene.ground = make_ground(attributes, random);
  scene.bars = {attributes.has_bars, static_cast<float>(draw(random, kBarPeriod)),
                static_cast<float>(draw(random, kBarHalfWidth)), random.uniform()};
  for (const auto& step : steps) scene.camera.push_back(static_cast<float>(step.camera));
  return scene;
}

}  // namespace tessera::video
