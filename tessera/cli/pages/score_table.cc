#include "tessera/cli/pages/score_table.h"

#include <algorithm>
#include <cmath>

#include "tessera/cli/pages/html.h"

namespace tessera::cli::pages {
namespace {

bool has_interval(double low, double high) { return low < high; }  // false for NaN

std::string row(const MethodScore& method) {
  std::string out = method.is_accent ? "<tr class=\"accent\">" : "<tr>";
  out += "<th scope=\"row\">" + escape_html(method.name);
  if (!method.note.empty()) out += "<small>" + escape_html(method.note) + "</small>";
  out += "</th><td class=\"number\">" + fixed(method.dice, 3);
  if (has_interval(method.dice_low, method.dice_high)) {
    out += "<small>" + fixed(method.dice_low, 3) + " – " + fixed(method.dice_high, 3) + "</small>";
  }
  out += "</td><td class=\"bar-cell hide-narrow\">" + score_bar(method.dice) + "</td>";
  return out + "<td class=\"number\">" + fixed(method.iou, 3) + "</td></tr>";
}

}  // namespace

std::string score_bar(double score) {
  const double width = std::isfinite(score) ? 100 * std::clamp(score, 0.0, 1.0) : 0;
  return "<span class=\"score-bar\"><i style=\"width:" + fixed(width, 1) + "%\"></i></span>";
}

std::string method_table(const std::vector<MethodScore>& methods) {
  if (methods.empty()) return "";
  std::string out =
      "<div class=\"table\"><table class=\"methods\"><thead><tr><th>Method</th>"
      "<th class=\"number\">Dice</th><th class=\"bar-cell hide-narrow\"></th><th "
      "class=\"number\">IoU</th>"
      "</tr></thead><tbody>";
  for (const MethodScore& method : methods) out += row(method);
  return out + "</tbody></table></div>";
}

}  // namespace tessera::cli::pages
