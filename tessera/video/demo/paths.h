// Where a scene's objects go: the steps of a motion, and the places to start from.
#pragma once

#include <vector>

#include "tessera/core/random.h"
#include "tessera/video/demo/attributes.h"

namespace tessera::video {

/// In heights of the frame.
struct Point {
  double x = 0, y = 0;
};

struct Extent {
  double radius;  // of the largest object
  double aspect;  // width of the frame
  Point room;     // what the largest object's centre has to move in
};

/// How the objects of a scene move up to one frame; the same for all.
struct Step {
  Point offset;       // from the start place, what the camera adds included
  double size = 1;    // of the largest radius
  double angle = 0;   // radians
  double camera = 0;  // how far the ground has moved right
};

/// The steps of a whole film.
std::vector<Step> make_steps(const Attributes& attributes, const Extent& extent,
                             int64_t film_frames, Random& random);

/// Places to start from: the paths stay in the frame, and the objects apart if there is room. The
/// first layout with the wanted gap, or of all that were tried the one with the widest.
std::vector<Point> place_objects(int count, const Extent& extent, const std::vector<Step>& steps,
                                 Random& random);

}  // namespace tessera::video
