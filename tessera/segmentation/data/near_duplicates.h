// Pictures that are almost the same: a cheap guard against a test set that was trained on.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "tessera/media/frames.h"

namespace tessera::segmentation {

/// What is kept of a picture to compare it with others.
struct Fingerprint {
  /// Difference hash (dHash): the grey picture at 9 x 8; bit = the right neighbour is brighter.
  uint64_t hash = 0;
  /// The grey picture at 16 x 16, against the hash's chance hits on flat and dark pictures.
  std::array<uint8_t, 256> thumbnail{};
  int height = 0, width = 0;
};

/// image: RGB.
Fingerprint fingerprint_of(const media::Image& image);

/// Whether two pictures of one size are almost the same: hashes that differ in at most 4 bits, and
/// thumbnails whose correlation is at least 0.98. A warning, not a proof: flat pictures can match
/// by chance, and turned or cropped copies do not match.
bool is_near_duplicate(const Fingerprint& a, const Fingerprint& b);

}  // namespace tessera::segmentation
