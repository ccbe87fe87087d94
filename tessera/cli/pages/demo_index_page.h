// The front page of a demo folder: comparisons, pictures and segmented images in sections, each
// with its links.
#pragma once

#include <string>
#include <vector>

#include "tessera/cli/pages/compare_report.h"
#include "tessera/cli/pages/segment_report.h"

namespace tessera::cli::pages {

/// A link with the words to show.
struct Link {
  std::string text, href;
};

/// A comparison whose page lies in `folder` ("cat/"); its report's relative paths are taken from
/// there.
struct DemoComparison {
  std::string folder;
  CompareReport report;
  std::string page = "index.html";
  std::string report_json = "report.json";
};

/// A picture or film with words: a single run, an overlay of a segmentation. Paths relative to
/// the index.
struct DemoPicture {
  std::string title, caption;
  FilmSource film;  // one frame for a still picture
  double fps = 16;
  std::vector<Link> links;
};

/// What is empty is left out. Methods and cases are those of the segmentation report; paths of
/// cases are relative to the index.
struct DemoSection {
  std::string title, text;
  std::vector<DemoComparison> comparisons{};
  std::vector<DemoPicture> pictures{};
  std::vector<MethodScore> methods{};
  std::vector<ReportCase> cases{};
  std::vector<Link> links{};
};

struct DemoIndex {
  std::string title, text;
  std::vector<DemoSection> sections;
  std::string footer;  // such as version and machine
};

/// A complete HTML document without outside resources; all text is escaped.
std::string demo_index_page(const DemoIndex& index);

}  // namespace tessera::cli::pages
