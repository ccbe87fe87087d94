#include "tessera/cli/pages/compare_report.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tessera/cli/pages/sample_testing.h"
#include "tessera/core/error.h"

namespace tessera::cli::pages {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

CompareReport small_report() { return sample_report("a cat", 4, 3, 1); }

CompareReport report_of(double dense, double lite, double ssim, int64_t kept) {
  CompareReport report;
  report.dense.total_seconds = dense;
  report.lite.total_seconds = lite;
  report.ssim = ssim;
  report.psnr = 30;
  report.tiles = {1, 1, {"conditional"}, {kept}, {100}};
  return report;
}

TEST(SkippedShare, CountsByCellStepAndWhole) {
  const TileCounts tiles{2, 1, {"a", "b"}, {10, 5, 10, 0}, {10, 10, 10, 10}};
  EXPECT_DOUBLE_EQ(skipped_share(tiles, 0, 0, 1), 0.5);
  EXPECT_DOUBLE_EQ(skipped_share(tiles, 0), 0.25);
  EXPECT_DOUBLE_EQ(skipped_share(tiles, 1), 0.5);
  EXPECT_DOUBLE_EQ(skipped_share(tiles), 0.375);
  EXPECT_EQ(skipped_share(TileCounts{}), 0);
}

TEST(Verdict, SaysInPlainWordsWhatHappened) {
  EXPECT_EQ(verdict(report_of(20, 10, 0.99, 40)),
            "Skipping 60\u00A0% of the attention tiles made this film 2.00× faster, and the two "
            "films are hard to tell apart.");
  EXPECT_EQ(verdict(report_of(20, 10, 0.8, 40)),
            "Skipping 60\u00A0% of the attention tiles made this film 2.00× faster; the two films "
            "show the same scene, but details differ visibly.");
  EXPECT_EQ(verdict(report_of(10, 12, 0.95, 90)),
            "Skipping 10\u00A0% of the attention tiles did not pay here: this film took 1.20× as "
            "long; the two films show the same scene with small differences.");
  EXPECT_EQ(verdict(report_of(10, 10, 0.3, 90)),
            "Skipping 10\u00A0% of the attention tiles left the time as it was; the two films "
            "differ: skipping changed what is shown.");
}

TEST(Verdict, IdenticalFilmsAndNoSkippingAreNamed) {
  CompareReport report = report_of(10, 10, 1, 100);
  report.psnr = kInfinity;
  EXPECT_EQ(verdict(report),
            "No attention tile was skipped; the two films are identical, bit for bit.");
}

TEST(ReportJson, ComesBackWhole) {
  CompareReport report = small_report();
  report.prompt = "quotes \" and <b>";
  report.seed = 18446744073709551615u;
  report.dense.film = {"dense.mp4", {"dense/frame_0000.png"}};
  report.frame_psnr[1] = kInfinity;
  const nlohmann::json json = nlohmann::json::parse(to_json(report).dump());
  EXPECT_EQ(json["schema"], "tessera.compare/1");
  EXPECT_TRUE(json["quality"]["frame_psnr"][1].is_null());
  const CompareReport back = compare_report_from_json(json, "report.json");
  EXPECT_EQ(to_json(back), to_json(report));
  EXPECT_EQ(back.seed, report.seed);
  EXPECT_TRUE(std::isinf(back.frame_psnr[1]));
  EXPECT_EQ(back.dense.film.frames, report.dense.film.frames);
}

std::string failure(const nlohmann::json& json) {
  try {
    compare_report_from_json(json, "r.json");
    return "no failure";
  } catch (const IoError& error) {
    return error.what();
  }
}

TEST(ReportJson, NamesAWrongSchema) {
  EXPECT_EQ(failure({{"schema", "tessera.run/1"}}),
            "r.json: schema must be tessera.compare/1, got: \"tessera.run/1\"");
  EXPECT_EQ(failure(nlohmann::json::array()),
            "r.json: schema must be tessera.compare/1, got: none");
}

TEST(ReportJson, RefusesMissingAndWrongFields) {
  nlohmann::json json = to_json(small_report());
  json["request"].erase("prompt");
  EXPECT_NE(failure(json).find("key 'prompt' not found"), std::string::npos) << failure(json);
  json = to_json(small_report());
  json["quality"]["ssim"] = "good";
  EXPECT_EQ(failure(json).rfind("r.json: is not a complete report: ", 0), 0u) << failure(json);
}

TEST(ReportJson, RefusesCountsThatDoNotFit) {
  nlohmann::json json = to_json(small_report());
  json["tiles"]["kept"].erase(0);
  EXPECT_EQ(failure(json),
            "r.json: [compare report] kept and total must have steps x layers x streams = 4 x 3 x "
            "2 entries, got: 23 and 24");
  json["tiles"] = {{"steps", 1 << 30},
                   {"layers", 1 << 30},
                   {"streams", {"a", "b", "c", "d"}},
                   {"kept", nlohmann::json::array()},
                   {"total", nlohmann::json::array()}};
  EXPECT_NE(failure(json), "no failure");
  CompareReport report = small_report();
  report.tiles.total.pop_back();
  EXPECT_THROW(to_json(report), InvalidArgument);
}

}  // namespace
}  // namespace tessera::cli::pages
