#include "tessera/cli/pages/svg_histogram.h"

#include <algorithm>
#include <cmath>

#include "tessera/cli/pages/html.h"
#include "tessera/cli/pages/svg_axes.h"

namespace tessera::cli::pages {
namespace {

constexpr int kNumBins = 20;

// Bins from `low` to 1; a value on a border belongs to the bin above, 1 to the last.
struct Bins {
  double low = 0;
  std::vector<int> counts = std::vector<int>(kNumBins);

  double border(int bin) const { return low + bin * (1 - low) / kNumBins; }
};

Bins count(const std::vector<double>& values) {
  Bins bins;
  bins.low = std::min(0.8, std::floor(*std::min_element(values.begin(), values.end()) * 10) / 10);
  for (const double value : values) {
    const int bin = int((value - bins.low) / (1 - bins.low) * kNumBins + 1e-9);
    ++bins.counts[std::clamp(bin, 0, kNumBins - 1)];
  }
  return bins;
}

std::string grid(const Plot& plot, const std::vector<double>& ticks) {
  std::string out;
  for (const double tick : ticks) {
    const double y = plot.bottom - tick / ticks.back() * (plot.bottom - plot.top);
    out += "<line class=\"grid\" x1=\"" + coordinate(plot.left) + "\" x2=\"" +
           coordinate(plot.right) + "\" y1=\"" + coordinate(y) + "\" y2=\"" + coordinate(y) +
           "\"/>" + label(plot.left - 6, y + 4, "tick-y", fixed(tick, 0));
  }
  return out;
}

// Whole numbers of things: no ticks between them.
std::vector<double> count_ticks(int most) {
  return most < 2 ? std::vector<double>{0, 1} : ticks(0, most, most < 5 ? most : 5);
}

}  // namespace

std::string histogram(const Histogram& histogram) {
  std::vector<double> values;
  for (const double value : histogram.values) {
    if (value >= 0 && value <= 1) values.push_back(value);
  }
  if (values.empty()) return "";
  const Bins bins = count(values);
  Plot plot;
  plot.right = 460;  // the last border's number is centred below it
  const auto ticks = count_ticks(*std::max_element(bins.counts.begin(), bins.counts.end()));
  const double slot = (plot.right - plot.left) / kNumBins;
  std::string out = open_svg(plot, histogram.labels.title, "chart") + grid(plot, ticks);
  for (int bin = 0; bin <= kNumBins; bin += 4) {
    out += label(plot.left + bin * slot, plot.bottom + 17, "tick-x", fixed(bins.border(bin), 2));
  }
  for (int bin = 0; bin < kNumBins; ++bin) {
    const double height = bins.counts[bin] / ticks.back() * (plot.bottom - plot.top);
    if (bins.counts[bin] == 0) continue;
    out += "<rect class=\"bar\" x=\"" + coordinate(plot.left + bin * slot + 1) + "\" y=\"" +
           coordinate(plot.bottom - height) + "\" width=\"" + coordinate(slot - 2) +
           "\" height=\"" + coordinate(height) + "\"><title>" +
           escape_html(fixed(bins.border(bin), 2) + " to " + fixed(bins.border(bin + 1), 2) + ", " +
                       histogram.labels.y_axis + ": " + std::to_string(bins.counts[bin])) +
           "</title></rect>";
  }
  double sum = 0;
  for (const double value : values) sum += value;
  const double mean = sum / values.size();
  const double x = plot.left + (mean - bins.low) / (1 - bins.low) * (plot.right - plot.left);
  out += mark(plot, x, "mean " + fixed(mean, 3));
  return out + axis_names(plot, histogram.labels) + "</svg>";
}

}  // namespace tessera::cli::pages
