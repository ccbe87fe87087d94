#include "tessera/cli/pages/svg_axes.h"

#include <algorithm>
#include <cmath>

#include "tessera/cli/pages/html.h"

namespace tessera::cli::pages {

std::vector<double> ticks(double low, double high, int count) {
  if (!(high > low)) high = low + 1;
  const double rough = (high - low) / std::max(1, count - 1);
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (factor * power >= rough * 0.999) {
      step = factor * power;
      break;
    }
  }
  std::vector<double> out;
  const double first = std::floor(low / step + 1e-9);
  for (double i = first; out.size() < 2 || out.back() < high - step * 1e-9; ++i) {
    out.push_back(i * step);
  }
  return out;
}

std::vector<int> labelled_positions(int count, int first, int most) {
  int step = 1;
  for (int i = 0; (count + step - 1) / step > most; ++i) step = step * (i % 3 == 1 ? 5 : 4) / 2;
  std::vector<int> out;
  for (int i = 0; i < count; ++i) {
    const bool is_round = step == 1 || (i + first) % step == 0;
    // A count from 1 shows its 1, unless the next label would touch it.
    if (is_round || (i == 0 && first == 1 && step >= 4)) out.push_back(i);
  }
  return out;
}

std::string coordinate(double value) {
  std::string text = fixed(value, 1);
  if (text.size() > 2 && text.substr(text.size() - 2) == ".0") text.resize(text.size() - 2);
  return text;
}

std::string label(double x, double y, const std::string& css_class, const std::string& text) {
  return "<text class=\"" + css_class + "\" x=\"" + coordinate(x) + "\" y=\"" + coordinate(y) +
         "\">" + escape_html(text) + "</text>";
}

std::string mark(const Plot& plot, double x, const std::string& text) {
  const bool is_right = x > (plot.left + plot.right) / 2;
  return "<line class=\"mark\" x1=\"" + coordinate(x) + "\" x2=\"" + coordinate(x) + "\" y1=\"" +
         coordinate(plot.top - 8) + "\" y2=\"" + coordinate(plot.bottom) + "\"/>" +
         label(is_right ? x - 5 : x + 5, plot.top - 1, is_right ? "mark-name tick-y" : "mark-name",
               text);
}

std::string open_svg(const Plot& plot, const std::string& title, const std::string& css_class) {
  return "<svg class=\"" + css_class + "\" viewBox=\"0 0 " + coordinate(plot.width) + " " +
         coordinate(plot.height) + "\" role=\"img\" aria-label=\"" + escape_html(title) + "\">";
}

std::string axis_names(const Plot& plot, const ChartLabels& labels) {
  return label((plot.left + plot.right) / 2, plot.bottom + 36, "axis-name", labels.x_axis) +
         label(2, plot.top - 15, "y-name", labels.y_axis);
}

}  // namespace tessera::cli::pages
