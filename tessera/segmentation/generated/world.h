// What a scene is made of: every number but those of single objects.
//
// Lengths are in pixels of the scene unless said; colours are in [0, 1].
#pragma once

#include <memory>
#include <vector>

#include "tessera/segmentation/generated/background.h"
#include "tessera/segmentation/generated/camera.h"
#include "tessera/segmentation/generated/clutter.h"
#include "tessera/segmentation/generated/kind.h"
#include "tessera/segmentation/generated/layout.h"
#include "tessera/segmentation/generated/scene.h"

namespace tessera::segmentation::generated {

/// Objects of one kind and where they are.
struct Population {
  Kind kind;
  Layout layout = Layout::kAnywhere;
  Range radius = {10, 20};
  int count = 1;
};

struct World {
  Background background;
  Clutter clutter;
  std::vector<Population> populations;
  bool is_shuffled = false;  // objects of different kinds lie on each other in any order
  bool avoids_overlap = false;
  Camera camera;
  std::vector<std::unique_ptr<Texture>> textures;  // that background and kinds look at
};

World draw_world(const SceneSettings& settings, Random& random);

}  // namespace tessera::segmentation::generated
