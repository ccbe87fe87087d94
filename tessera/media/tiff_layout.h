// How a TIFF page stores its pixels, checked; private to media.
#pragma once

#include <cstdint>

#include "tessera/media/image_io.h"
#include "tessera/media/tiff_file.h"

namespace tessera::media {

struct TiffLayout {
  int height = 0, width = 0;
  int channels = 1;  // alpha included
  bool has_alpha = false;
  int bits = 8;  // 1, 2, 4, 8, 16, 32
  uint16_t sample_format = SAMPLEFORMAT_UINT;
  bool is_palette = false;
  bool is_white_zero = false;
  bool is_jpeg = false;
  /// Each channel in strips or tiles of its own.
  bool is_planar = false;
  bool is_tiled = false;
  int chunk_height = 0, chunk_width = 0;  // of a strip or tile, in pixels
};

/// Reads and checks the only page's layout. Throws IoError for what cannot be read right: several
/// pages, other colour spaces, channel counts and depths, sizes over the limits.
TiffLayout read_tiff_layout(TiffFile* file, const ImageLimits& limits);

}  // namespace tessera::media
