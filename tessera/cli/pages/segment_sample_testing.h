// A made-up segmentation run with plausible numbers, for tests and to look at.
#pragma once

#include "tessera/cli/pages/segment_report.h"

namespace tessera::cli::pages {

/// A training run scored on `num_images` pictures of pale discs on a dark ground; every number
/// follows from the arguments.
SegmentReport sample_segment_report(int num_images, int epochs, uint64_t seed);

}  // namespace tessera::cli::pages
