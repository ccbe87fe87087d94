#include "tessera/cli/pages/demo_index_page.h"

#include <gtest/gtest.h>

#include "tessera/cli/pages/sample_testing.h"
#include "tessera/core/file_io.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::cli::pages {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

DemoIndex index_with(const std::string& text) {
  CompareReport report = sample_report(text, 8, 4, 1);
  report.dense.film = {"dense.mp4", {"dense/frame_0000.png"}};
  DemoIndex index{text, text, {}, text};
  index.sections.push_back({text, text, {{"cat/", report}}, {}});
  index.sections.push_back(
      {"Overlays", "", {}, {{text, text, {"", {"still.png"}}, 16, {{text, "table.csv"}}}}});
  return index;
}

TEST(DemoIndexPage, PathsLeadIntoTheFolderOfEachComparison) {
  const std::string page = demo_index_page(index_with("a cat"));
  EXPECT_TRUE(contains(page, "src=\"cat/dense.mp4\""));
  EXPECT_TRUE(contains(page, "&quot;cat/dense/frame_0000.png&quot;"));
  EXPECT_TRUE(contains(page, "<a href=\"cat/index.html\">Full comparison</a>"));
  EXPECT_TRUE(contains(page, "<a href=\"cat/report.json\">report.json</a>"));
}

TEST(DemoIndexPage, FurtherSectionsTakePictures) {
  const std::string page = demo_index_page(index_with("a cat"));
  EXPECT_TRUE(contains(page, "<h2>Overlays</h2>"));
  EXPECT_TRUE(contains(page, "src=\"still.png\""));
  EXPECT_TRUE(contains(page, "<a href=\"table.csv\">a cat</a>"));
}

TEST(DemoIndexPage, ASectionShowsScoresAndSegmentedImages) {
  DemoIndex index = index_with("a cat");
  DemoSection section{"Segmentation", ""};
  section.methods = {{"Otsu", 0.5, 0.4}, {"AutoSAM", 0.9, 0.8, 0, 0, "", true}};
  section.cases = {{"nuclei 1", 0.91, 0.83, "", "a/image.png", "a/overlay.png", "a/errors.png"}};
  section.links = {{"Report", "segment/report.html"}};
  index.sections.push_back(section);
  const std::string page = demo_index_page(index);
  EXPECT_TRUE(contains(page, "<table class=\"methods\">"));
  EXPECT_TRUE(contains(page, "src=\"a/overlay.png\""));
  EXPECT_TRUE(contains(page, "missed: truth only"));
  EXPECT_TRUE(contains(page, "<a href=\"segment/report.html\">Report</a>"));
}

TEST(DemoIndexPage, EscapesWhateverAUserWrites) {
  const std::string page = demo_index_page(index_with("</title><script>alert(1)</script>"));
  EXPECT_FALSE(contains(page, "<script>alert"));
}

TEST(DemoIndexPage, SampleFolderIsCompleteOnDisk) {
  const testing::TemporaryFolder folder;
  write_sample(folder.path());
  for (const char* name : {"index.html", "video/index.html", "video/report.json",
                           "video/lite/frame_0020.png", "frames_only/index.html"}) {
    EXPECT_TRUE(std::filesystem::exists(folder / name)) << name;
  }
  const auto json = nlohmann::json::parse(read_text(folder / "video" / "report.json"));
  EXPECT_EQ(compare_report_from_json(json, "report.json").num_frames, 21);
}

}  // namespace
}  // namespace tessera::cli::pages
