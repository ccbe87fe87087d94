#include "tessera/cli/pages/svg_chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "tessera/cli/pages/html.h"
#include "tessera/cli/pages/svg_axes.h"

namespace tessera::cli::pages {
namespace {

// Digits after the point that tell neighbouring ticks apart.
int tick_digits(const std::vector<double>& values) {
  const double step = values[1] - values[0];
  return std::clamp(int(std::ceil(-std::log10(step) - 1e-9)), 0, 6);
}

// Maps values to the plot's coordinates.
struct Scale {
  Plot plot;
  double y_low, y_high;
  int count;  // of values along x

  double x(int index) const {
    if (count == 1) return (plot.left + plot.right) / 2;
    return plot.left + 8 + index * (plot.right - plot.left - 16) / (count - 1);
  }
  double y(double value) const {
    return plot.bottom - (value - y_low) / (y_high - y_low) * (plot.bottom - plot.top);
  }
};

std::string grid(const Plot& plot, const Scale& scale, const std::vector<double>& values,
                 const std::function<std::string(double)>& text) {
  std::string out;
  for (const double value : values) {
    const std::string y = coordinate(scale.y(value));
    out += "<line class=\"grid\" x1=\"" + coordinate(plot.left) + "\" x2=\"" +
           coordinate(plot.right) + "\" y1=\"" + y + "\" y2=\"" + y + "\"/>" +
           label(plot.left - 6, scale.y(value) + 4, "tick-y", text(value));
  }
  return out;
}

std::string x_ticks(const Scale& scale, const ChartLabels& labels) {
  std::string out;
  for (const int i : labelled_positions(scale.count, labels.first_x, 10)) {
    out += label(scale.x(i), scale.plot.bottom + 17, "tick-x", std::to_string(i + labels.first_x));
  }
  return out;
}

std::string line_path(const Series& series, const Scale& scale) {
  std::string path;
  bool is_drawing = false;
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (!std::isfinite(series.values[i])) {
      is_drawing = false;
      continue;
    }
    path += is_drawing ? "L" : "M";
    path += coordinate(scale.x(int(i))) + " " + coordinate(scale.y(series.values[i]));
    is_drawing = true;
  }
  return "<path class=\"line " + series.style + "\" d=\"" + path + "\"/>";
}

std::string points(const LineChart& chart, const Series& series, const Scale& scale) {
  std::string out;
  // Where points would touch, they only answer to the mouse.
  const char* radius = scale.count > 60 ? "1" : "3";
  for (size_t i = 0; i < series.values.size(); ++i) {
    if (!std::isfinite(series.values[i])) continue;
    out += "<circle class=\"point " + series.style + "\" cx=\"" + coordinate(scale.x(int(i))) +
           "\" cy=\"" + coordinate(scale.y(series.values[i])) + "\" r=\"" + radius + "\"><title>" +
           escape_html(series.name + ", " + chart.labels.x_axis + " " +
                       std::to_string(int(i) + chart.labels.first_x) + ": " +
                       chart.text(series.values[i])) +
           "</title></circle>";
  }
  return out;
}

}  // namespace

std::string line_chart(const LineChart& chart) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  size_t count = 0;
  for (const Series& series : chart.series) {
    count = std::max(count, series.values.size());
    for (const double value : series.values) {
      if (!std::isfinite(value)) continue;
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (low > high) return "";
  const auto values = ticks(std::min(low, chart.y_low), std::max(high, chart.y_high), 5);
  const Plot plot;
  const Scale scale{plot, values.front(), values.back(), int(count)};
  const int digits = tick_digits(values);
  std::string out = open_svg(plot, chart.labels.title, "chart");
  out += grid(plot, scale, values, [&](double value) { return fixed(value, digits); });
  out += x_ticks(scale, chart.labels) + axis_names(plot, chart.labels);
  if (chart.marked >= 0 && chart.marked < int(count)) {
    out += mark(plot, scale.x(chart.marked), chart.marked_name);
  }
  for (const Series& series : chart.series) out += line_path(series, scale);
  for (const Series& series : chart.series) out += points(chart, series, scale);
  return out + "</svg>";
}

std::string bar_chart(const BarChart& chart) {
  if (chart.shares.empty()) return "";
  const Plot plot;
  const int count = int(chart.shares.size());
  const double slot = (plot.right - plot.left) / count;
  const double bar = std::min(slot * 0.72, 34.0);
  const Scale scale{plot, 0, 1, count};
  std::string out = open_svg(plot, chart.labels.title, "chart");
  out += grid(plot, scale, {0, 0.25, 0.5, 0.75, 1}, [](double value) { return percent(value); });
  for (const int i : labelled_positions(count, chart.labels.first_x, 10)) {
    out += label(plot.left + (i + 0.5) * slot, plot.bottom + 17, "tick-x",
                 std::to_string(i + chart.labels.first_x));
  }
  for (int i = 0; i < count; ++i) {
    const double top = scale.y(std::clamp(chart.shares[i], 0.0, 1.0));
    out += "<rect class=\"bar\" x=\"" + coordinate(plot.left + (i + 0.5) * slot - bar / 2) +
           "\" y=\"" + coordinate(top) + "\" width=\"" + coordinate(bar) + "\" height=\"" +
           coordinate(plot.bottom - top) + "\"><title>" +
           escape_html(chart.labels.x_axis + " " + std::to_string(i + chart.labels.first_x) + ": " +
                       percent(chart.shares[i], 1)) +
           "</title></rect>";
  }
  return out + axis_names(plot, chart.labels) + "</svg>";
}

}  // namespace tessera::cli::pages
