// The page of one comparison: films side by side, speed, quality, what was skipped.
#pragma once

#include <string>

#include "tessera/cli/pages/compare_report.h"

namespace tessera::cli::pages {

/// Links of the page, relative to it; an empty one is left out.
struct ComparePageLinks {
  std::string report_json = "report.json";
  std::string index = "";
};

/// A complete HTML document without outside resources; text from the report is escaped. Works
/// from a file, without a server; without JavaScript the first frames and all charts are shown.
/// Throws InvalidArgument when the tile counts do not fit their sizes.
std::string compare_page(const CompareReport& report, const ComparePageLinks& links = {});

}  // namespace tessera::cli::pages
