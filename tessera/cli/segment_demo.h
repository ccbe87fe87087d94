// The demo's part on segmentation: draws a set of pictures, trains on it, predicts others.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tessera/cli/console.h"
#include "tessera/cli/pages/demo_index_page.h"

namespace tessera::cli {

struct SegmentDemo {
  std::string sam;                   // name or path
  std::filesystem::path folder;      // where to write
  std::filesystem::path final_name;  // what `folder` will be called when the demo is complete
  std::string link;                  // of `folder` from the page: "segmentation/"
};

/// Writes `folder` (data/, run/, predictions/) and returns the page's section; nothing after
/// Ctrl-C, with the folder removed. Throws IoError.
std::optional<pages::DemoSection> make_segment_demo(Console& console, const SegmentDemo& demo);

}  // namespace tessera::cli
