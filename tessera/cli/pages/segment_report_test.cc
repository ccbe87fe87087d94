#include "tessera/cli/pages/segment_report.h"

#include <cmath>

#include <gtest/gtest.h>

#include "tessera/cli/pages/segment_sample_testing.h"

namespace tessera::cli::pages {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

SegmentReport three_images() {
  SegmentReport report;
  report.title = "AutoSAM on nuclei";
  report.split = "test";
  report.scores = {{"Dice", 0.9034, 0.8851, 0.9176, 0.92, 0.71}, {"IoU", 0.8421, 0.8212, 0.8604}};
  report.images = {{"b", 0.95, 0.9, 10, 20, 0.2, 0.21},
                   {"a", 0.71, 0.6, 10, 20, 0.1, 0.3},
                   {"c", 0.92, 0.85, 10, 20, 0.4, 0.4}};
  return report;
}

TEST(SegmentReport, VerdictIsOneLineWithIntervals) {
  EXPECT_EQ(
      verdict(three_images()),
      "Mean Dice 0.903 (95\u00A0% interval 0.885 to 0.918) and IoU 0.842 (0.821 to 0.860) over "
      "3 test images.");
}

TEST(SegmentReport, VerdictOfOneImageHasNoInterval) {
  SegmentReport report = three_images();
  report.images.resize(1);
  report.scores = {{"Dice", 0.95, NAN, NAN}, {"IoU", 0.9, 0.9, 0.9}};
  EXPECT_EQ(verdict(report), "Mean Dice 0.950 and IoU 0.900 over 1 test image.");
}

TEST(SegmentReport, SaysWhenNothingWasScored) {
  SegmentReport report;
  report.title = "Nothing yet";
  const std::string page = segment_report(report);
  EXPECT_TRUE(contains(page, "No image was scored."));
  for (const char* absent : {"<svg", "<table", "Worst cases", "Configuration", "Files</h2>"}) {
    EXPECT_FALSE(contains(page, absent)) << absent;
  }
}

TEST(SegmentReport, HasEverySection) {
  const std::string page = segment_report(sample_segment_report(5, 8, 1));
  for (const char* title : {"Scores", "Beside other methods", "Training", "Worst cases first",
                            "Typical cases", "All images", "Configuration", "Files", "Machine"}) {
    EXPECT_TRUE(contains(page, std::string("<h2>") + title + "</h2>")) << title;
  }
  EXPECT_TRUE(contains(page, "For research only."));
  EXPECT_TRUE(contains(page, "<a href=\"scores.csv\">Scores of each image</a>"));
  EXPECT_TRUE(contains(page, "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"));
  EXPECT_TRUE(contains(page, "8 epochs in "));
}

TEST(SegmentReport, WorstImagesComeFirst) {
  SegmentReport report = three_images();
  report.worst = {{"good case", 0.95, 0.9}, {"bad case", 0.71, 0.6}};
  const std::string page = segment_report(report);
  EXPECT_LT(page.find("<h3 title=\"bad case\">"), page.find("<h3 title=\"good case\">"));
  EXPECT_LT(page.find("title=\"a\""), page.find("title=\"c\""));
  EXPECT_LT(page.find("title=\"c\""), page.find("title=\"b\""));
}

TEST(SegmentReport, EscapesWhateverAUserWrites) {
  const std::string attack = "\"><script>alert(1)</script>";
  SegmentReport report = three_images();
  report.title = report.eyebrow = report.facts = report.split = report.stop_reason = attack;
  report.epochs = report.best_epoch = 1;
  report.scores[0].name = report.images[0].id = attack;
  report.charts = {{attack, attack, attack, {{attack, {1, 2}}}}};
  report.methods = {{attack, 0.5, 0.4, 0, 0, attack}};
  report.worst = {{attack, 0.1, 0.1, attack, attack, "javascript:alert(1)", attack}};
  report.notes = {attack};
  report.settings = report.machine = {{attack, attack}};
  report.links = {{attack, "javascript:alert(1)"}};
  report.files = {{attack, attack, attack}};
  const std::string page = segment_report(report);
  EXPECT_FALSE(contains(page, "<script>alert"));
  EXPECT_FALSE(contains(page, "\"javascript:"));
}

TEST(SegmentReport, UsesNothingFromOutside) {
  const std::string page = segment_report(sample_segment_report(3, 4, 1));
  for (const char* word : {"http://", "https://", "//cdn", "@import", "url("}) {
    EXPECT_FALSE(contains(page, word)) << word;
  }
}

TEST(SegmentReport, StaysSmallEnoughToSend) {
  EXPECT_LT(segment_report(sample_segment_report(8, 20, 1)).size(), size_t{3} << 20);
}

TEST(MethodTable, MarksTheMethodThePageIsAbout) {
  const std::string table =
      method_table({{"Otsu", 0.5, 0.4}, {"AutoSAM", 0.9, 0.8, 0, 0, "", true}});
  EXPECT_TRUE(contains(table, "<tr class=\"accent\"><th scope=\"row\">AutoSAM</th>"));
  EXPECT_TRUE(contains(table, "width:50.0%"));
  EXPECT_EQ(method_table({}), "");
  EXPECT_TRUE(contains(method_table({{"unknown", NAN, NAN}}), "<td class=\"number\">–"));
}

}  // namespace
}  // namespace tessera::cli::pages
