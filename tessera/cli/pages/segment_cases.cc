#include "tessera/cli/pages/segment_cases.h"

#include <algorithm>
#include <cstdio>
#include <string_view>

#include "tessera/cli/pages/html.h"
#include "tessera/media/overlay.h"

namespace tessera::cli::pages {
namespace {

std::string css_colour(const media::Colour& colour) {
  char text[8];
  std::snprintf(text, sizeof text, "#%02x%02x%02x", colour.red, colour.green, colour.blue);
  return text;
}

std::string key(const media::Colour& colour, std::string_view name, bool is_outline = false) {
  const std::string css = css_colour(colour);
  return std::string("<span><i class=\"key") + (is_outline ? " outline" : "") +
         "\" style=\"background:" + css + (is_outline ? ";border-color:" + css : "") + "\"></i>" +
         escape_html(name) + "</span>";
}

std::string pane(const std::string& source, const std::string& name, const std::string& id) {
  if (source.empty()) return "";
  return "<figure class=\"pane\"><img loading=\"lazy\" decoding=\"async\" alt=\"" +
         escape_html(name + " of " + id) + "\" src=\"" + escape_html(link_url(source)) +
         "\"><figcaption>" + escape_html(name) + "</figcaption></figure>";
}

std::string fact(double score, const char* name) {
  return "<div><b>" + fixed(score, 3) + "</b><span>" + name + "</span></div>";
}

std::string case_article(const ReportCase& shown) {
  std::string out = "<article class=\"card case\"><header><div><h3 title=\"" +
                    escape_html(shown.id) + "\">" + escape_html(shown.id) + "</h3>";
  if (!shown.note.empty()) out += "<p class=\"meta\">" + escape_html(shown.note) + "</p>";
  out += "</div><div class=\"facts\">" + fact(shown.dice, "Dice") + fact(shown.iou, "IoU") +
         "</div></header><div class=\"panes\">" + pane(shown.image, "Image", shown.id) +
         pane(shown.overlay, "Prediction", shown.id) + pane(shown.error_map, "Errors", shown.id);
  return out + "</div></article>";
}

// A cell that sorts by `value` whatever its text.
std::string number_cell(double value, const std::string& text, const char* more_class = "") {
  return std::string("<td class=\"number") + more_class + "\" data-value=\"" + number_text(value) +
         "\">" + escape_html(text) + "</td>";
}

std::string image_row(const ScoredImage& image) {
  const std::string size = std::to_string(image.width) + " × " + std::to_string(image.height);
  return "<tr><th scope=\"row\" title=\"" + escape_html(image.id) + "\">" + escape_html(image.id) +
         "</th>" + number_cell(image.dice, fixed(image.dice, 3)) +
         "<td class=\"bar-cell hide-narrow\">" + score_bar(image.dice) + "</td>" +
         number_cell(image.iou, fixed(image.iou, 3)) +
         number_cell(image.truth_share, percent(image.truth_share, 1)) +
         number_cell(image.predicted_share, percent(image.predicted_share, 1)) +
         number_cell(double(image.width) * image.height, size, " hide-narrow") + "</tr>";
}

}  // namespace

std::string colour_legend() {
  return "<p class=\"legend\">" + key(media::kPredictionColour, "prediction") +
         key(media::kTruthColour, "outline of the truth", true) +
         key(media::kFoundColour, "right: both") +
         key(media::kExtraColour, "extra: predicted only") +
         key(media::kMissedColour, "missed: truth only") + "</p>";
}

std::string case_list(const std::vector<ReportCase>& cases) {
  std::string out;
  for (const ReportCase& shown : cases) out += case_article(shown);
  return out;
}

std::string image_table(std::vector<ScoredImage> images) {
  if (images.empty()) return "";
  std::stable_sort(images.begin(), images.end(),
                   [](const ScoredImage& a, const ScoredImage& b) { return a.dice < b.dice; });
  std::string out =
      "<div class=\"table images\" tabindex=\"0\"><table class=\"sortable\"><thead><tr>"
      "<th>Image</th><th class=\"number\" aria-sort=\"ascending\">Dice</th>"
      "<th class=\"bar-cell hide-narrow\"></th><th class=\"number\">IoU</th>"
      "<th class=\"number\">True area</th><th class=\"number\">Predicted</th>"
      "<th class=\"number hide-narrow\">Pixels</th></tr></thead><tbody>";
  for (const ScoredImage& image : images) out += image_row(image);
  return out + "</tbody></table></div>";
}

}  // namespace tessera::cli::pages
