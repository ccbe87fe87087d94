#include <algorithm>

#include "tessera/cli/pages/html.h"
#include "tessera/cli/pages/svg_axes.h"
#include "tessera/cli/pages/svg_chart.h"
#include "tessera/core/error.h"

namespace tessera::cli::pages {
namespace {

// A map grows with its rows between these cell heights, so that 6 layers do not look lost and 40
// still fit a screen.
Plot map_plot(const HeatMap& map) {
  Plot plot;
  if (map.is_small) plot.left = 0, plot.right = plot.width, plot.top = 0;
  const double cell_width = (plot.right - plot.left) / map.columns;
  const double cell =
      map.is_small ? std::clamp(96.0 / map.rows, 3.0, 16.0) : std::clamp(cell_width, 9.0, 22.0);
  plot.bottom = plot.top + cell * map.rows;
  plot.height = map.is_small ? plot.bottom : plot.bottom + 42;
  return plot;
}

std::string cells(const HeatMap& map, const Plot& plot) {
  const double width = (plot.right - plot.left) / map.columns;
  const double height = (plot.bottom - plot.top) / map.rows;
  // Small cells overlap a little: rounded to pixels they would leave seams.
  const double gap = map.is_small || width < 10 ? -0.3 : 1;
  std::string out = "<g class=\"cells\">";
  for (int row = 0; row < map.rows; ++row) {
    for (int column = 0; column < map.columns; ++column) {
      const double share = map.shares[size_t(row) * map.columns + column];
      // Even an empty cell is drawn: its tooltip says that nothing was skipped.
      out += "<rect x=\"" + coordinate(plot.left + column * width) + "\" y=\"" +
             coordinate(plot.top + row * height) + "\" width=\"" + coordinate(width - gap) +
             "\" height=\"" + coordinate(height - gap) +
             "\" style=\"--s:" + fixed(100 * std::clamp(share, 0.0, 1.0), 0) + "\"";
      out +=
          map.is_small ? "/>" : "><title>" + escape_html(map.text(row, column)) + "</title></rect>";
    }
  }
  return out + "</g>";
}

std::string axes(const HeatMap& map, const Plot& plot) {
  const double width = (plot.right - plot.left) / map.columns;
  const double height = (plot.bottom - plot.top) / map.rows;
  std::string out;
  for (const int column : labelled_positions(map.columns, map.labels.first_x, 10)) {
    out += label(plot.left + (column + 0.5) * width, plot.bottom + 16, "tick-x",
                 std::to_string(column + map.labels.first_x));
  }
  const int most_rows = std::max(2, int((plot.bottom - plot.top) / 16));
  for (const int row : labelled_positions(map.rows, 0, most_rows)) {
    out += label(plot.left - 6, plot.top + (row + 0.5) * height + 4, "tick-y", std::to_string(row));
  }
  return out + axis_names(plot, map.labels);
}

}  // namespace

std::string heat_map(const HeatMap& map) {
  TESSERA_CHECK(
      map.rows >= 0 && map.columns >= 0 && map.shares.size() == size_t(map.rows) * map.columns,
      "[heat_map] a map of ", map.rows, " x ", map.columns,
      " needs as many shares, got: ", map.shares.size());
  if (map.shares.empty()) return "";
  const Plot plot = map_plot(map);
  std::string out = open_svg(plot, map.labels.title, map.is_small ? "heat small" : "heat");
  out += "<rect class=\"heat-ground\" x=\"" + coordinate(plot.left) + "\" y=\"" +
         coordinate(plot.top) + "\" width=\"" + coordinate(plot.right - plot.left) +
         "\" height=\"" + coordinate(plot.bottom - plot.top) + "\"/>";
  out += cells(map, plot);
  if (!map.is_small) out += axes(map, plot);
  return out + "</svg>";
}

}  // namespace tessera::cli::pages
