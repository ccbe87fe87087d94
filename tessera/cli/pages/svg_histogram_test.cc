#include "tessera/cli/pages/svg_histogram.h"

#include <cmath>

#include <gtest/gtest.h>

namespace tessera::cli::pages {
namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

std::string of(const std::vector<double>& values) {
  Histogram bins;
  bins.labels = {"Scores", "Dice", "images"};
  bins.values = values;
  return histogram(bins);
}

TEST(SvgHistogram, CountsEveryScoreOnce) {
  const std::string svg = of({0.81, 0.815, 0.9, 1.0});
  EXPECT_TRUE(contains(svg, "<title>0.81 to 0.82, images: 2</title>"));
  EXPECT_TRUE(contains(svg, "<title>0.90 to 0.91, images: 1</title>"));
  EXPECT_TRUE(contains(svg, "<title>0.99 to 1.00, images: 1</title>"));
  EXPECT_TRUE(contains(svg, "mean 0.881"));
}

TEST(SvgHistogram, StartsBelowTheLeastScore) {
  EXPECT_TRUE(contains(of({0.33, 0.9}), ">0.30</text>"));
  EXPECT_TRUE(contains(of({0, 1}), ">0.00</text>"));
}

TEST(SvgHistogram, LeavesOutWhatIsNoScore) {
  EXPECT_EQ(of({}), "");
  EXPECT_EQ(of({NAN, -1, 2}), "");
}

}  // namespace
}  // namespace tessera::cli::pages
