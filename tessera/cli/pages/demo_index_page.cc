#include "tessera/cli/pages/demo_index_page.h"

#include "tessera/cli/pages/html.h"
#include "tessera/cli/pages/page_frame.h"
#include "tessera/cli/pages/page_parts.h"
#include "tessera/cli/pages/segment_cases.h"

namespace tessera::cli::pages {
namespace {

std::string fact(const std::string& value, const std::string& name) {
  return "<div><b>" + escape_html(value) + "</b><span>" + escape_html(name) + "</span></div>";
}

std::string facts(const CompareReport& report) {
  const double ratio = speed_up(report);
  return "<div class=\"facts\">" + fact(ratio > 0 ? fixed(ratio, 2) + "×" : "–", "speed-up") +
         fact(percent(skipped_share(report.tiles)), "tiles skipped") +
         fact(ssim_text(report.ssim), "SSIM") + "</div>";
}

std::string overview_map(const CompareReport& report) {
  HeatMap map = skip_map(report.tiles, -1);
  map.is_small = true;
  const std::string svg = heat_map(map);
  if (svg.empty()) return "";
  return "<p class=\"legend\"><span>computed<span class=\"ramp\"></span>skipped</span>"
         "<span>layers down, steps across</span></p>" +
         svg;
}

std::string comparison(const DemoComparison& demo) {
  const CompareReport& report = demo.report;
  Player films = comparison_player(report);
  for (PlayerFilm& film : films.films) film.source = from_above(film.source, demo.folder);
  std::string out = "<article class=\"card demo\"><header><h3>" + escape_html(report.prompt) +
                    "</h3><p class=\"meta\">" + escape_html(film_facts(report)) + "</p><p>" +
                    escape_html(verdict(report)) + "</p></header><div>" + player(films) +
                    "</div><div>" + facts(report) + overview_map(report) + "<p class=\"links\">";
  if (!demo.page.empty()) out += link("Full comparison", demo.folder + demo.page);
  if (!demo.report_json.empty()) out += link("report.json", demo.folder + demo.report_json);
  return out + "</p></div></article>";
}

std::string links(const std::vector<Link>& targets) {
  if (targets.empty()) return "";
  std::string out = "<p class=\"links\">";
  for (const Link& target : targets) out += link(target.text, target.href);
  return out + "</p>";
}

std::string picture(const DemoPicture& picture) {
  Player films;
  films.films = {{"", "", "", picture.film}};
  films.fps = picture.fps;
  films.num_frames = int(picture.film.frames.size());
  std::string out = "<article class=\"card\">" + player(films) + "<h3>" +
                    escape_html(picture.title) + "</h3><p class=\"meta\">" +
                    escape_html(picture.caption) + "</p>";
  return out + links(picture.links) + "</article>";
}

std::string section(const DemoSection& section) {
  std::string out = "<section><h2>" + escape_html(section.title) + "</h2>";
  if (!section.text.empty()) out += "<p class=\"hint\">" + escape_html(section.text) + "</p>";
  for (const DemoComparison& demo : section.comparisons) out += comparison(demo);
  if (!section.pictures.empty()) {
    out += "<div class=\"pictures\">";
    for (const DemoPicture& shown : section.pictures) out += picture(shown);
    out += "</div>";
  }
  if (!section.methods.empty()) {
    out += "<div class=\"card\">" + method_table(section.methods) + "</div>";
  }
  if (!section.cases.empty()) out += colour_legend() + case_list(section.cases);
  return out + links(section.links) + "</section>";
}

}  // namespace

std::string demo_index_page(const DemoIndex& index) {
  std::string body = "<main><p class=\"eyebrow\">Tessera</p><h1>" + escape_html(index.title) +
                     "</h1><p class=\"lead\">" + escape_html(index.text) + "</p>";
  for (const DemoSection& shown : index.sections) body += section(shown);
  body += "<footer>" + escape_html(index.footer) + "</footer></main>";
  return document(index.title, body, segment_style(),
                  std::string(player_script()) + std::string(segment_script()));
}

}  // namespace tessera::cli::pages
