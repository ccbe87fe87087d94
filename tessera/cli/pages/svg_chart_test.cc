#include "tessera/cli/pages/svg_chart.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tessera/cli/pages/html.h"
#include "tessera/cli/pages/svg_axes.h"
#include "tessera/core/error.h"

namespace tessera::cli::pages {
namespace {

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++found;
  return found;
}

TEST(Ticks, AreRoundAndCoverTheRange) {
  EXPECT_EQ(ticks(0, 0.78, 5), (std::vector<double>{0, 0.2, 0.4, 0.6000000000000001, 0.8}));
  EXPECT_EQ(ticks(20, 71, 5), (std::vector<double>{20, 40, 60, 80}));
  EXPECT_EQ(ticks(0, 0, 5).front(), 0);  // an empty range still has two ticks
  EXPECT_GE(ticks(3, 3, 5).size(), 2u);
}

TEST(LabelledPositions, TakeRoundNumbers) {
  EXPECT_EQ(labelled_positions(4, 1, 10), (std::vector<int>{0, 1, 2, 3}));
  EXPECT_EQ(labelled_positions(50, 1, 10),
            (std::vector<int>{0, 4, 9, 14, 19, 24, 29, 34, 39, 44, 49}));
  EXPECT_EQ(labelled_positions(30, 0, 4), (std::vector<int>{0, 10, 20}));
  EXPECT_TRUE(labelled_positions(0, 1, 10).empty());
}

LineChart chart_of(std::vector<double> values) {
  LineChart chart;
  chart.labels = {"Title <x>", "step", "seconds", 1};
  chart.series = {{"Dense", "dense", std::move(values)}};
  chart.text = [](double value) { return fixed(value, 1); };
  return chart;
}

TEST(LineChart, HasAPointWithTooltipForEachValue) {
  const std::string svg = line_chart(chart_of({1, 2, 3}));
  EXPECT_EQ(count(svg, "<circle"), 3);
  EXPECT_NE(svg.find("<title>Dense, step 2: 2.0</title>"), svg.npos);
  EXPECT_NE(svg.find("aria-label=\"Title &lt;x&gt;\""), svg.npos);
}

TEST(LineChart, LeavesAGapWhereAValueIsInfinite) {
  const std::string svg = line_chart(chart_of({1, std::numeric_limits<double>::infinity(), 3, 4}));
  EXPECT_EQ(count(svg, "<circle"), 3);
  const size_t path = svg.find(" d=\"");
  const std::string d = svg.substr(path + 4, svg.find('"', path + 4) - path - 4);
  EXPECT_EQ(count(d, "M"), 2);
  EXPECT_EQ(count(d, "L"), 1);
}

TEST(LineChart, IsEmptyWithoutFiniteValues) {
  EXPECT_EQ(line_chart(chart_of({})), "");
  EXPECT_EQ(line_chart(chart_of({std::nan("")})), "");
}

TEST(LineChart, OneValueAlsoHasAPlace) {
  EXPECT_EQ(count(line_chart(chart_of({5})), "<circle"), 1);
}

TEST(BarChart, HeightsFollowTheShares) {
  BarChart chart;
  chart.labels = {"Skipped", "step", "skipped", 1};
  chart.shares = {0, 0.5, 1};
  const std::string svg = bar_chart(chart);
  EXPECT_EQ(count(svg, "class=\"bar\""), 3);
  const Plot plot;
  EXPECT_NE(svg.find("height=\"" + coordinate(plot.bottom - plot.top) + "\"><title>step 3"),
            svg.npos);
  EXPECT_NE(svg.find("height=\"" + coordinate((plot.bottom - plot.top) / 2) + "\"><title>step 2"),
            svg.npos);
  EXPECT_EQ(bar_chart(BarChart{}), "");
}

HeatMap map_of(int rows, int columns, std::vector<double> shares) {
  HeatMap map;
  map.labels = {"Map", "step", "layer", 1};
  map.rows = rows;
  map.columns = columns;
  map.shares = std::move(shares);
  map.text = [](int row, int column) { return concat(row, "<", column); };
  return map;
}

TEST(HeatMap, ColourFollowsTheShare) {
  const std::string svg = heat_map(map_of(1, 3, {0, 0.25, 1}));
  EXPECT_EQ(count(svg, "--s:"), 3);
  EXPECT_NE(svg.find("style=\"--s:0\"><title>0&lt;0"), svg.npos);
  EXPECT_NE(svg.find("style=\"--s:25\"><title>0&lt;1"), svg.npos);
  EXPECT_NE(svg.find("style=\"--s:100\"><title>0&lt;2"), svg.npos);
}

TEST(HeatMap, TheSmallOneHasNoText) {
  HeatMap map = map_of(2, 2, {0, 0, 0.5, 1});
  map.is_small = true;
  EXPECT_EQ(count(heat_map(map), "<text"), 0);
  EXPECT_EQ(count(heat_map(map), "<title"), 0);
}

TEST(HeatMap, RefusesSharesThatDoNotFit) {
  EXPECT_THROW(heat_map(map_of(2, 2, {0, 1})), InvalidArgument);
  EXPECT_EQ(heat_map(map_of(0, 2, {})), "");
}

}  // namespace
}  // namespace tessera::cli::pages
