// The cases of a segmentation report and the table of all images; private to the pages.
#pragma once

#include <string>
#include <vector>

#include "tessera/cli/pages/segment_report.h"

namespace tessera::cli::pages {

/// What the colours in overlays and error maps mean. HTML.
std::string colour_legend();

/// A case each, in the order given. HTML; empty without cases.
std::string case_list(const std::vector<ReportCase>& cases);

/// All images, the worst Dice first, sortable. HTML; empty without images.
std::string image_table(std::vector<ScoredImage> images);

}  // namespace tessera::cli::pages
