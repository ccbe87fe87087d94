// The three pictures of a case in a segmentation report, small enough to be embedded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tessera/cli/pages/segment_report.h"
#include "tessera/media/frames.h"

namespace tessera::cli::pages {

/// How large pictures on the page may be. With the defaults a case takes 100 to 250 KB (measured on
/// nuclei and endoscopy), so that 16 cases stay below 4 MB.
struct PictureLimits {
  int longest_side = 480;            // pixels
  size_t most_png_bytes = 48 << 10;  // a larger PNG is replaced by a JPEG of high quality
};

/// Fills image, overlay (the prediction tinted, the truth's outline over it) and error_map with
/// data URIs; id, scores and note are the caller's. An empty `truth` leaves the error map out. rgb:
/// (H, W, 3); masks: (H, W), nonzero is foreground. Throws InvalidArgument when sizes disagree.
ReportCase case_pictures(const media::Image& rgb, std::span<const uint8_t> predicted,
                         std::span<const uint8_t> truth, const PictureLimits& limits = {});

}  // namespace tessera::cli::pages
