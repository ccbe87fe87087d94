#include "tessera/cli/pages/compare_page.h"

#include <limits>

#include <gtest/gtest.h>

#include "tessera/cli/pages/sample_testing.h"
#include "tessera/core/error.h"

namespace tessera::cli::pages {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

CompareReport with_films() {
  CompareReport report = sample_report("a cat", 8, 4, 1);
  report.dense.film = {"dense.mp4", {"dense/frame_0000.png", "dense/frame_0001.png"}};
  report.lite.film = {"", {"lite/frame_0000.png", "lite/frame_0001.png"}};
  return report;
}

TEST(ComparePage, ShowsTheVerdictAndBothFilms) {
  const std::string page = compare_page(with_films());
  EXPECT_TRUE(contains(page, verdict(with_films())));
  EXPECT_TRUE(contains(page,
                       "<video muted loop playsinline controls preload=\"auto\" "
                       "src=\"dense.mp4\" poster=\"dense/frame_0000.png\">"));
  EXPECT_TRUE(contains(page, "<img alt=\"Lite\" src=\"lite/frame_0000.png\">"));
  EXPECT_TRUE(contains(page, "data-frames=\"[&quot;lite/frame_0000.png&quot;"));
}

TEST(ComparePage, EscapesWhateverAUserWrites) {
  CompareReport report = with_films();
  const std::string attack = "\"><script>alert(1)</script>";
  report.prompt = report.negative_prompt = report.model = report.machine = attack;
  report.backend = report.policy = report.direction = report.token_order = report.tessera_version =
      attack;
  report.torch_version = attack;
  report.tiles.streams = {attack, attack};
  report.dense.film.video = report.lite.film.frames[0] = attack;
  const std::string page =
      compare_page(report, {.report_json = attack, .index = "javascript:alert(1)"});
  EXPECT_FALSE(contains(page, "<script>alert"));
  EXPECT_FALSE(contains(page, "\"javascript:"));
  EXPECT_TRUE(contains(page, "&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"));
}

TEST(ComparePage, UsesNothingFromOutside) {
  const std::string page = compare_page(with_films());
  for (const char* word : {"http://", "https://", "//cdn", "@import", "url("}) {
    EXPECT_FALSE(contains(page, word)) << word;
  }
}

TEST(ComparePage, HasAMapForEachStream) {
  const std::string page = compare_page(with_films());
  EXPECT_TRUE(contains(page, "stream conditional"));
  EXPECT_TRUE(contains(page, "stream unconditional"));
  EXPECT_TRUE(contains(page, "layer 3, step 8: "));
}

TEST(ComparePage, IdenticalFilmsReadAsSuch) {
  CompareReport report = with_films();
  report.psnr = std::numeric_limits<double>::infinity();
  report.ssim = 1;
  report.frame_psnr.assign(report.frame_psnr.size(), report.psnr);
  const std::string page = compare_page(report);
  EXPECT_TRUE(contains(page, "identical, bit for bit"));
  EXPECT_TRUE(contains(page, "∞\u00A0dB"));
  EXPECT_FALSE(contains(page, "PSNR per frame"));
}

TEST(ComparePage, LeavesOutWhatWasNotMeasured) {
  CompareReport report;
  report.prompt = "nothing yet";
  const std::string page = compare_page(report, {.report_json = ""});
  EXPECT_TRUE(contains(page, "This film was not kept."));
  EXPECT_FALSE(contains(page, "<svg"));
  EXPECT_FALSE(contains(page, "All numbers as JSON"));
}

TEST(ComparePage, RefusesCountsThatDoNotFit) {
  CompareReport report = with_films();
  report.tiles.kept.pop_back();
  EXPECT_THROW(compare_page(report), InvalidArgument);
}

}  // namespace
}  // namespace tessera::cli::pages
