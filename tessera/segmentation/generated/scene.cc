#include "tessera/segmentation/generated/scene.h"

#include <algorithm>

#include "tessera/core/error.h"
#include "tessera/segmentation/generated/world.h"

namespace tessera::segmentation {
namespace {

using namespace generated;

constexpr int kFewestPixels = 30;  // of a labelled object

struct Placed {
  int kind;
  Disc disc;
};

/// All objects, lowest first.
std::vector<Placed> place_objects(const World& world, float size, Random& random) {
  std::vector<Placed> objects;
  std::vector<Disc> taken;
  for (size_t kind = 0; kind < world.populations.size(); ++kind) {
    const Population& population = world.populations[kind];
    std::vector<Disc> discs(population.count);
    for (Disc& disc : discs) disc.radius = draw_log(random, population.radius);
    place_discs(discs, population.layout, {size, size}, world.avoids_overlap, taken, random);
    taken.insert(taken.end(), discs.begin(), discs.end());
    for (const Disc& disc : discs) objects.push_back({static_cast<int>(kind), disc});
  }
  if (world.is_shuffled) {
    for (size_t i = objects.size(); i > 1; --i) {
      std::swap(objects[i - 1], objects[random.below(static_cast<int64_t>(i))]);
    }
  }
  return objects;
}

/// Objects are not seen where the camera does not look.
void clear_outside_aperture(Scene& scene, const Camera& camera, int size) {
  if (camera.aperture_radius == 0) return;
  const Aperture aperture(camera, size, size);
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      if (aperture.depth(y, x) < 0) scene.labels[size_t(y) * size + x] = 0;
    }
  }
}

/// Drops instances of which too little is seen and numbers the others from 1, in order.
void keep_visible(Scene& scene, const std::vector<Placed>& objects) {
  std::vector<int> areas(objects.size() + 1, 0);
  for (const uint16_t label : scene.labels) ++areas[label];
  std::vector<uint16_t> renamed(areas.size(), 0);
  std::vector<int> kinds;  // that are seen, in order of appearance
  for (size_t label = 1; label < areas.size(); ++label) {
    if (areas[label] < kFewestPixels) continue;
    renamed[label] = static_cast<uint16_t>(++scene.num_instances);
    const int kind = objects[label - 1].kind;
    const auto found = std::find(kinds.begin(), kinds.end(), kind);
    scene.groups.push_back(static_cast<int>(found - kinds.begin()));
    if (found == kinds.end()) kinds.push_back(kind);
  }
  for (uint16_t& label : scene.labels) label = renamed[label];
}

}  // namespace

Scene make_scene(const SceneSettings& settings, uint64_t seed) {
  TESSERA_CHECK(settings.size >= 64 && settings.size <= 2048,
                "[make_scene] size must be 64 to 2048 pixels, got ", settings.size);
  TESSERA_CHECK(settings.max_objects >= 1 && settings.max_objects <= 10'000,
                "[make_scene] max_objects must be 1 to 10000, got ", settings.max_objects);
  Random random(seed);
  const World world = draw_world(settings, random);
  const auto objects = place_objects(world, static_cast<float>(settings.size), random);

  Scene scene;
  scene.labels.assign(size_t(settings.size) * settings.size, 0);
  Canvas canvas(settings.size, settings.size);
  paint_background(canvas, world.background, random);
  paint_clutter_below(canvas, world.clutter, random);
  ObjectPainter painter(canvas, scene.labels);
  uint16_t label = 0;
  for (const Placed& object : objects) {
    painter.paint(world.populations[object.kind].kind, object.disc.centre, object.disc.radius,
                  ++label, random);
  }
  paint_clutter_above(canvas, world.clutter, random);
  scene.image = take_picture(canvas, world.camera, random);
  clear_outside_aperture(scene, world.camera, settings.size);
  keep_visible(scene, objects);
  return scene;
}

}  // namespace tessera::segmentation
