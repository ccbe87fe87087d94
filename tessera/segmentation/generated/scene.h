// Generated pictures with the exact outline of every object: what the demo SAM learns from.
//
// No Torch. A picture depends on its settings and seed alone, on every machine and in every thread.
// What is drawn, and why: docs/segmentation/generated-images.md.
#pragma once

#include <cstdint>
#include <vector>

#include "tessera/media/frames.h"

namespace tessera::segmentation {

struct SceneSettings {
  /// Side of the square picture in pixels, 64 to 2048. Objects scale with it, so a smaller scene
  /// shows the same things with fewer pixels (but none below 10 pixels across).
  int size = 512;

  /// Upper limit of the objects that are drawn, at least 1.
  int max_objects = 120;
};

struct Scene {
  media::Image image;  // RGB

  /// (H, W): 0 is background, 1 to num_instances the visible part of an object. Where objects
  /// overlap the upper one wins. A pixel belongs to an object that covers at least half of it.
  std::vector<uint16_t> labels;

  /// By instance (label - 1): its kind. Objects of one kind look alike and form a group. Kinds
  /// count from 0; a kind that ended up hidden is not listed.
  std::vector<int> groups;

  int num_instances = 0;
};

/// Draws a scene of 1 to max_objects objects; objects with fewer than 30 visible pixels are drawn
/// but not labelled, so that num_instances may even be 0 in rare cases. Throws InvalidArgument for
/// settings outside their range.
Scene make_scene(const SceneSettings& settings, uint64_t seed);

/// Draws a picture that looks like stained nuclei, made for demonstrations: a person sees the
/// nuclei, one threshold does not find them. One group. Sides are 64 to 4096 pixels; nuclei are 12
/// to 40 pixels across whatever the sides, 10 to 40 of them on 256 x 256 pixels, fewer or more on
/// another area. Throws InvalidArgument for other sides.
Scene make_nuclei_like(int height, int width, uint64_t seed);

}  // namespace tessera::segmentation
