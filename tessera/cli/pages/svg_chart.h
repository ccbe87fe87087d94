// Line and bar charts and heat maps as inline SVG.
//
// Colours come from the page's style sheet by class, so that a chart follows light and dark. Every
// mark has a <title>, which browsers show as a tooltip and screen readers read out.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace tessera::cli::pages {

/// One line. `style`: its class in the style sheet, "dense" or "lite".
struct Series {
  std::string name, style;
  std::vector<double> values;  // gaps where a value is not finite
};

struct ChartLabels {
  std::string title;  // what a screen reader hears
  std::string x_axis, y_axis;
  int first_x = 0;  // of the first value
};

/// Text of a value in tooltips, such as fixed(v, 2) + " s".
using ValueText = std::function<std::string(double)>;

struct LineChart {
  ChartLabels labels;
  std::vector<Series> series;
  /// The y axis reaches from here to there at least; it grows to whole ticks.
  double y_low = 0, y_high = 0;
  ValueText text;
  /// Position of a value to mark with a line and a word, such as the best epoch; -1 for none.
  int marked = -1;
  std::string marked_name;
};

/// Empty when no series has a finite value.
std::string line_chart(const LineChart& chart);

struct BarChart {
  ChartLabels labels;
  std::vector<double> shares;  // in [0, 1]
};

/// Bars from 0 to 100 %. Empty without values.
std::string bar_chart(const BarChart& chart);

/// A cell mixes the accent colour into the ground by its share, so that more is further from the
/// background in light and dark. shares: (rows, columns), in [0, 1].
struct HeatMap {
  ChartLabels labels;  // first_x: of the first column
  int rows = 0, columns = 0;
  std::vector<double> shares;
  std::function<std::string(int row, int column)> text;
  /// Without axes and tooltips, for an overview.
  bool is_small = false;
};

/// Throws InvalidArgument when shares do not fit rows and columns. Empty without cells.
std::string heat_map(const HeatMap& map);

}  // namespace tessera::cli::pages
