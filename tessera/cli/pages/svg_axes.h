// What all charts share: the plot's rectangle, ticks and labels; private to the pages.
#pragma once

#include <string>
#include <vector>

#include "tessera/cli/pages/svg_chart.h"

namespace tessera::cli::pages {

/// Units of every chart's view box. 480 wide, so that text stays readable when two charts share a
/// desktop's width and when one fills a phone's.
struct Plot {
  double width = 480, height = 236;
  double left = 52, right = 470, top = 28, bottom = 194;
};

/// Steps of 1, 2 or 5 times a power of ten from at or below `low` to at or above `high`, `count`
/// of them at most (two at least).
std::vector<double> ticks(double low, double high, int count);

/// Which of `count` positions get a label, so that at most `most` do: steps of 1, 2, 5, 10, ...
/// of the label's number, which starts at `first`.
std::vector<int> labelled_positions(int count, int first, int most);

/// "12" or "12.5": a coordinate with one digit at most.
std::string coordinate(double value);

/// <text> of a class at a place; `text` is escaped.
std::string label(double x, double y, const std::string& css_class, const std::string& text);

/// A dashed line from top to bottom at x, with a word at its top that stays inside the plot.
std::string mark(const Plot& plot, double x, const std::string& text);

/// The opening tag with view box, role and <title>.
std::string open_svg(const Plot& plot, const std::string& title, const std::string& css_class);

/// Names of both axes: below the plot, and above the numbers of the y axis, where it cannot meet
/// them however long they are.
std::string axis_names(const Plot& plot, const ChartLabels& labels);

}  // namespace tessera::cli::pages
