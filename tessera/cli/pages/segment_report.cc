#include "tessera/cli/pages/segment_report.h"

#include <algorithm>
#include <limits>

#include "tessera/cli/pages/html.h"
#include "tessera/cli/pages/page_frame.h"
#include "tessera/cli/pages/page_parts.h"
#include "tessera/cli/pages/segment_cases.h"
#include "tessera/cli/pages/svg_histogram.h"

namespace tessera::cli::pages {
namespace {

constexpr const char* kNotice =
    "For research only. This is not a medical device: neither the masks nor the scores may be used "
    "for diagnosis or treatment.";

bool has_interval(const ScoreSummary& score) { return score.low < score.high; }

std::string interval(const ScoreSummary& score) {
  return fixed(score.low, 3) + " to " + fixed(score.high, 3);
}

std::string stat(const std::string& name, const std::string& value, const std::string& note,
                 bool is_accent = false) {
  return std::string("<div class=\"card stat") + (is_accent ? " accent" : "") +
         "\"><div class=\"name\">" + escape_html(name) + "</div><div class=\"value\">" +
         escape_html(value) + "</div><div class=\"note\">" + escape_html(note) + "</div></div>";
}

std::string card(const std::string& title, const std::string& hint, const std::string& content) {
  if (content.empty()) return "";
  return "<div class=\"card\"><h3>" + escape_html(title) + "</h3><p class=\"hint\">" +
         escape_html(hint) + "</p>" + content + "</div>";
}

// A heading, a hint and what they are about; nothing without the last.
std::string section(const std::string& title, const std::string& hint, const std::string& content) {
  if (content.empty()) return "";
  return "<h2>" + escape_html(title) + "</h2>" +
         (hint.empty() ? "" : "<p class=\"hint\">" + escape_html(hint) + "</p>") + content;
}

std::string images_text(const SegmentReport& report) {
  const size_t count = report.images.size();
  return grouped(int64_t(count)) + (report.split.empty() ? "" : " " + report.split) +
         (count == 1 ? " image" : " images");
}

std::string heading(const SegmentReport& report) {
  std::string out = "<p class=\"eyebrow\">" +
                    escape_html(report.eyebrow.empty() ? "Segmentation" : report.eyebrow) +
                    "</p><h1>" + escape_html(report.title) + "</h1>";
  if (!report.facts.empty()) out += "<p class=\"meta\">" + escape_html(report.facts) + "</p>";
  return out + "<div class=\"card verdict\">" + escape_html(verdict(report)) + "</div>";
}

std::string tiles(const SegmentReport& report) {
  std::string out;
  const std::string range = percent(report.confidence) + ": ";
  for (size_t i = 0; i < std::min<size_t>(2, report.scores.size()); ++i) {
    const ScoreSummary& score = report.scores[i];
    out += stat("Mean " + score.name, fixed(score.mean, 3),
                has_interval(score) ? range + interval(score) : "no interval", true);
  }
  if (!report.scores.empty()) {
    const ScoreSummary& score = report.scores.front();
    out += stat("Worst tenth", fixed(score.worst_decile, 3),
                "mean " + score.name + " of those images");
  }
  if (report.epochs > 0) {
    out +=
        stat("Training", duration(report.train_seconds),
             std::to_string(report.epochs) + " epochs, best " + std::to_string(report.best_epoch));
  } else if (!report.images.empty()) {
    out += stat("Images", grouped(int64_t(report.images.size())), report.split);
  }
  return out.empty() ? "" : "<div class=\"stats\">" + out + "</div>";
}

std::string notes(const SegmentReport& report) {
  if (report.notes.empty()) return "";
  std::string out = "<ul class=\"card notes\">";
  for (const std::string& note : report.notes) out += "<li>" + escape_html(note) + "</li>";
  return out + "</ul>";
}

std::string score_rows(const SegmentReport& report) {
  if (report.scores.empty()) return "";
  std::string out =
      "<div class=\"table\"><table><thead><tr><th>Score</th><th class=\"number\">Mean</th>"
      "<th class=\"number\">Median</th><th class=\"number\">Worst tenth</th></tr></thead><tbody>";
  for (const ScoreSummary& score : report.scores) {
    out += "<tr><th scope=\"row\">" + escape_html(score.name) + "</th><td class=\"number\">" +
           fixed(score.mean, 3) +
           (has_interval(score) ? "<small>" + interval(score) + "</small>" : "") +
           "</td><td class=\"number\">" + fixed(score.median, 3) + "</td><td class=\"number\">" +
           fixed(score.worst_decile, 3) + "</td></tr>";
  }
  return out + "</tbody></table></div>";
}

std::string scores(const SegmentReport& report) {
  Histogram bins;
  bins.labels = {"Number of images by Dice score", "Dice", "images"};
  for (const ScoredImage& image : report.images) bins.values.push_back(image.dice);
  const std::string cards =
      card("Over all images",
           "Means over images at their full size; below them the bootstrap interval (" +
               percent(report.confidence) + ").",
           score_rows(report)) +
      card("Dice of each image", "How many images reach which score.", histogram(bins));
  return cards.empty() ? "" : section("Scores", "", "<div class=\"grid\">" + cards + "</div>");
}

std::string curve_card(const CurveChart& shown, int best_epoch) {
  LineChart chart;
  chart.labels = {shown.title + " by epoch", "epoch", shown.y_axis, shown.first_epoch};
  constexpr double kNone = std::numeric_limits<double>::infinity();
  const bool is_free = shown.y_low == 0 && shown.y_high == 0;
  chart.y_low = is_free ? kNone : shown.y_low;
  chart.y_high = is_free ? -kNone : shown.y_high;
  chart.text = [](double value) { return fixed(value, 4); };
  std::string legend;
  for (const Curve& curve : shown.curves) {
    const std::string style = curve.style == 0 ? "lite" : "dense";
    chart.series.push_back({curve.name, style, curve.values});
    legend += "<span><i class=\"dot " + style + "\"></i>" + escape_html(curve.name) + "</span>";
  }
  if (best_epoch > 0) {
    chart.marked = best_epoch - shown.first_epoch;
    chart.marked_name = "best";
  }
  const std::string svg = line_chart(chart);
  if (svg.empty()) return "";
  return card(shown.title, shown.hint, "<p class=\"legend\">" + legend + "</p>" + svg);
}

std::string training(const SegmentReport& report) {
  std::string cards;
  for (const CurveChart& shown : report.charts) cards += curve_card(shown, report.best_epoch);
  if (cards.empty()) return "";
  std::string hint;
  if (report.epochs > 0) {
    hint = std::to_string(report.epochs) + " epochs in " + duration(report.train_seconds) +
           "; epoch " + std::to_string(report.best_epoch) + " was the best and is the one kept.";
    if (!report.stop_reason.empty()) hint += " Stopped: " + report.stop_reason + ".";
  }
  return section("Training", hint, "<div class=\"grid\">" + cards + "</div>");
}

std::string cases(const SegmentReport& report) {
  std::vector<ReportCase> worst = report.worst;
  std::stable_sort(worst.begin(), worst.end(),
                   [](const ReportCase& a, const ReportCase& b) { return a.dice < b.dice; });
  std::string out = case_list(worst);
  if (!out.empty()) {
    out = section("Worst cases first", "The lowest Dice scores. Press a picture to enlarge it.",
                  colour_legend() + out);
  }
  const std::string typical = case_list(report.typical);
  return out + section("Typical cases", "Images around the median Dice score.",
                       (out.empty() && !typical.empty() ? colour_legend() : "") + typical);
}

std::string named_values(const std::vector<NamedValue>& values) {
  std::string out;
  for (const NamedValue& shown : values) {
    if (shown.value.empty()) continue;
    out += "<div><dt>" + escape_html(shown.name) + "</dt><dd>" + escape_html(shown.value) +
           "</dd></div>";
  }
  return out.empty() ? "" : "<div class=\"card\"><dl class=\"settings\">" + out + "</dl></div>";
}

std::string files(const SegmentReport& report) {
  if (report.files.empty()) return "";
  std::string out =
      "<div class=\"card\"><table class=\"files\"><thead><tr><th>File</th><th>Path</th>"
      "<th>SHA-256</th></tr></thead><tbody>";
  for (const FileDigest& file : report.files) {
    out += "<tr><td>" + escape_html(file.role) + "</td><td>" + escape_html(file.path) +
           "</td><td><code>" + escape_html(file.sha256) + "</code></td></tr>";
  }
  return out + "</tbody></table></div>";
}

std::string footer(const SegmentReport& report) {
  std::string out =
      "<div class=\"card notice\" role=\"note\">" + std::string(kNotice) + "</div><footer>";
  for (const NamedValue& shown : report.links) out += link(shown.name, shown.value) + " · ";
  return out + "made by tessera</footer>";
}

}  // namespace

std::string verdict(const SegmentReport& report) {
  if (report.scores.empty() || report.images.empty()) return "No image was scored.";
  std::string out;
  for (size_t i = 0; i < std::min<size_t>(2, report.scores.size()); ++i) {
    const ScoreSummary& score = report.scores[i];
    out += (i == 0 ? "Mean " : " and ") + score.name + " " + fixed(score.mean, 3);
    if (!has_interval(score)) continue;
    out += i == 0 ? " (" + percent(report.confidence) + " interval " : " (";
    out += interval(score) + ")";
  }
  return out + " over " + images_text(report) + ".";
}

std::string segment_report(const SegmentReport& report) {
  const std::string body =
      "<main>" + heading(report) + tiles(report) + notes(report) + scores(report) +
      section("Beside other methods", "On the same images, by the same rules.",
              report.methods.empty()
                  ? ""
                  : "<div class=\"card\">" + method_table(report.methods) + "</div>") +
      training(report) + cases(report) +
      section("All images", "Press a heading to sort. Areas are shares of the picture.",
              report.images.empty()
                  ? ""
                  : "<div class=\"card\">" + image_table(report.images) + "</div>") +
      section("Configuration", "", named_values(report.settings)) +
      section("Files", "", files(report)) + section("Machine", "", named_values(report.machine)) +
      footer(report) + "</main>";
  return document(report.title, body, segment_style(), segment_script());
}

}  // namespace tessera::cli::pages
