#include "tessera/segmentation/data/split.h"

#include <algorithm>
#include <set>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::segmentation {
namespace {

struct SplitFile : ::testing::Test {
  std::vector<Split> read(const std::string& text, bool needs_train = true) {
    write_file(folder / "split.csv", text);
    return read_split_csv(folder / "split.csv", ids, findings, needs_train);
  }
  bool found(const std::string& text) const {
    return std::any_of(findings.begin(), findings.end(), [&text](const std::string& finding) {
      return finding.find(text) != std::string::npos;
    });
  }

  testing::TemporaryFolder folder;
  std::vector<std::string> ids = {"a", "b", "c"};
  std::vector<std::string> findings;
};

TEST_F(SplitFile, IsReadInTheOrderOfTheIds) {
  const std::vector<Split> splits =
      read("\xef\xbb\xbfid,note,split\r\nc,x,test\r\n\r\na,\"x, y\",train\r\nb,,val\r\n");
  EXPECT_TRUE(findings.empty()) << findings.front();
  EXPECT_EQ(splits, (std::vector<Split>{Split::kTrain, Split::kVal, Split::kTest}));
}

TEST_F(SplitFile, FindsEveryFaultWithItsLine) {
  read("id,split\na,train\nx,train\na,val\nb,Train\nb\n\"c,val\n");
  EXPECT_TRUE(found("split.csv:3: an id must be the stem of an image, got: x"));
  EXPECT_TRUE(found("split.csv:4: an id must have one row, got: a again (line 2)"));
  EXPECT_TRUE(found("split.csv:5: the split must be train, val or test, got: Train"));
  EXPECT_TRUE(found("split.csv:6: a row must have the header's fields, got: b"));
  EXPECT_TRUE(found("split.csv:7: a quote must be closed"));
  EXPECT_TRUE(found("every image must have a row, got: none for c"));
  EXPECT_EQ(findings.size(), 6u);
}

TEST_F(SplitFile, NeedsATrainingImageUnlessToldOtherwise) {
  read("id,split\na,val\nb,val\nc,test\n");
  EXPECT_TRUE(found("at least one image must train"));
  findings.clear();
  read("id,split\na,val\nb,val\nc,test\n", false);
  EXPECT_TRUE(findings.empty());
}

TEST_F(SplitFile, NeedsItsHeader) {
  EXPECT_THROW(read("a,train\nb,val\n"), IoError);
  EXPECT_THROW(read(""), IoError);
  EXPECT_THROW(read_split_csv(folder / "none.csv", ids, findings), IoError);
}

std::vector<std::string> numbered(int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i) names.push_back(concat("image", i));
  return names;
}

TEST(DrawnSplit, HasTheFractionAndAtLeastOne) {
  const auto num_val = [](int count, double fraction) {
    const auto splits = draw_split(numbered(count), {}, fraction, 7);
    return std::count(splits.begin(), splits.end(), Split::kVal);
  };
  EXPECT_EQ(num_val(100, 0.15), 15);
  EXPECT_EQ(num_val(2, 0.15), 1);
  EXPECT_EQ(num_val(2, 0.9), 1);
  EXPECT_EQ(num_val(10, 0), 0);
}

TEST(DrawnSplit, DependsOnNamesAndSeedAlone) {
  const std::vector<std::string> ids = numbered(50);
  std::vector<std::string> reversed(ids.rbegin(), ids.rend());
  std::vector<Split> splits = draw_split(ids, {}, 0.2, 3), other = draw_split(reversed, {}, 0.2, 3);
  std::reverse(other.begin(), other.end());
  EXPECT_EQ(splits, other);
  EXPECT_NE(splits, draw_split(ids, {}, 0.2, 4));
}

TEST(DrawnSplit, KeepsGroupsTogether) {
  const std::vector<std::string> ids = numbered(60);
  std::vector<std::string> groups;
  for (int i = 0; i < 60; ++i) groups.push_back(concat("patient", i / 4));
  const std::vector<Split> splits = draw_split(ids, groups, 0.2, 5);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(splits[i], splits[i / 4 * 4]);
  EXPECT_EQ(std::count(splits.begin(), splits.end(), Split::kVal), 12);
}

TEST(DrawnSplit, RefusesWhatCannotBeParted) {
  const std::vector<std::string> one = {"a"}, two = {"a", "b"}, group = {"g", "g"};
  EXPECT_THROW(draw_split(one, {}, 0.2, 0), InvalidArgument);
  EXPECT_THROW(draw_split(two, group, 0.2, 0), InvalidArgument);
  EXPECT_THROW(draw_split(two, {}, 1, 0), InvalidArgument);
}

TEST(DrawnSubset, GrowsWithItsCount) {
  std::vector<size_t> indices(200);
  for (size_t i = 0; i < indices.size(); ++i) indices[i] = 3 * i;
  const std::vector<size_t> ten = draw_subset(indices, 10, 1), fifty = draw_subset(indices, 50, 1);
  EXPECT_EQ(ten.size(), 10u);
  EXPECT_TRUE(std::includes(fifty.begin(), fifty.end(), ten.begin(), ten.end()));
  EXPECT_EQ(draw_subset(indices, 900, 1), indices);
  EXPECT_NE(ten, draw_subset(indices, 10, 2));
}

}  // namespace
}  // namespace tessera::segmentation
