#include "tessera/cli/pages/decision_table.h"

#include <cmath>
#include <fstream>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::cli::pages {
namespace {

DecisionRun run(const std::string& row, int64_t prompt, double sparsity, double psnr) {
  return {.row = row, .prompt = prompt, .sparsity = sparsity, .psnr = psnr, .ssim = psnr / 100};
}

TEST(DecisionTable, InterpolatesEachPromptAndPairsTheDifferences) {
  const std::vector<DecisionRun> runs = {
      run("a", 0, 0.4, 20), run("a", 0, 0.2, 40), run("a", 1, 0.1, 50), run("a", 1, 0.5, 10),
      run("b", 0, 0.3, 33), run("b", 0, 0.5, 13), run("b", 1, 0.2, 36), run("b", 1, 0.4, 30)};
  const auto base = at_sparsity(runs, "a", "a", 0.3);
  EXPECT_NEAR(base.psnr->mean, (30 + 30) / 2.0, 1e-9);
  EXPECT_EQ(base.psnr->count, 2);
  const auto other = at_sparsity(runs, "b", "a", 0.3);
  // Prompt 0: 33 - 30, prompt 1: 33 - 30.
  EXPECT_NEAR(other.psnr_difference->mean, 3, 1e-9);
  EXPECT_NEAR(other.psnr_difference->error, 0, 1e-9);
  EXPECT_NEAR(other.ssim->mean, 0.33, 1e-9);
}

TEST(DecisionTable, LeavesOutWhatTheLevelsDoNotSpan) {
  const std::vector<DecisionRun> runs = {run("a", 0, 0.2, 40), run("a", 0, 0.25, 35),
                                         run("a", 1, 0.2, 44), run("a", 1, 0.4, 24)};
  const auto at = at_sparsity(runs, "a", "a", 0.3);
  EXPECT_EQ(at.psnr->count, 1);
  EXPECT_NEAR(at.psnr->mean, 34, 1e-9);
  EXPECT_FALSE(at_sparsity(runs, "a", "a", 0.5).psnr.has_value());
  EXPECT_FALSE(at_sparsity(runs, "b", "a", 0.3).psnr.has_value());
}

TEST(DecisionTable, GivesTheStandardErrorOfTheMean) {
  std::vector<DecisionRun> runs;
  for (int prompt = 0; prompt < 4; ++prompt) {
    for (const double sparsity : {0.2, 0.4}) {
      runs.push_back(run("a", prompt, sparsity, 30));
      runs.push_back(run("b", prompt, sparsity, 30 + prompt));
    }
  }
  const auto difference = at_sparsity(runs, "b", "a", 0.3).psnr_difference;
  EXPECT_NEAR(difference->mean, 1.5, 1e-9);
  EXPECT_NEAR(difference->error, std::sqrt(5.0 / 3 / 4), 1e-9);
  const auto table = decision_table(runs, {"a", "b"}, "a", {0.3});
  EXPECT_NE(table.find("| b | 31.5 (4) | +1.5 ± 0.6 |"), std::string::npos) << table;
}

TEST(DecisionTable, ListsWhatEachLevelDid) {
  std::vector<DecisionRun> runs = {run("a", 0, 0.2, 40), run("a", 1, 0.3, 30),
                                   run("a", 0, 0.5, 20)};
  runs[2].level = 0.4;
  runs[2].recall = 0.9;
  runs[2].estimated_recall = 0.91;
  const auto table = level_table(runs, {"a"});
  EXPECT_NE(table.find("| a | 0 | 2 | 25.0 % | 20.0 to 30.0 % | 35.0 | 0.350 | - | - |"),
            std::string::npos)
      << table;
  EXPECT_NE(
      table.find("| a | 0.4 | 1 | 50.0 % | 50.0 to 50.0 % | 20.0 | 0.200 | 0.9000 | 0.9100 |"),
      std::string::npos);
}

TEST(DecisionRuns, ComeBackFromTheFileWithoutACutOffLine) {
  const tessera::testing::TemporaryFolder folder;
  const auto path = folder / "results.jsonl";
  EXPECT_TRUE(read_runs(path).empty());
  append_run(path, run("a", 3, 0.25, 31.5));
  append_run(path, run("b", 4, 0.5, 20));
  std::ofstream(path, std::ios::app) << "{\"row\": \"c\", \"lev";
  const auto runs = read_runs(path);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].row, "a");
  EXPECT_EQ(runs[0].prompt, 3);
  EXPECT_EQ(runs[1].psnr, 20);
  append_run(path, run("d", 5, 0.5, 10));
  EXPECT_EQ(read_runs(path).size(), 3u);
}

TEST(DecisionRuns, RefuseALineThatIsNoResult) {
  const tessera::testing::TemporaryFolder folder;
  const auto path = folder / "results.jsonl";
  std::ofstream(path) << "{\"row\": 5}\n";
  EXPECT_THROW(read_runs(path), IoError);
}

}  // namespace
}  // namespace tessera::cli::pages
