// The extents of a generated clip.
#pragma once

#include <cstdint>

namespace tessera::video {

struct ClipShape {
  int64_t frames = 16, height = 64, width = 128;  // pixels

  /// The clip is this many frames out of a longer film, from a random frame on: motion is then as
  /// slow as in the film. 0: the clip is the whole film.
  int64_t film_frames = 0;
};

}  // namespace tessera::video
