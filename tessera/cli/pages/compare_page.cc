#include "tessera/cli/pages/compare_page.h"

#include "tessera/cli/pages/html.h"
#include "tessera/cli/pages/page_frame.h"
#include "tessera/cli/pages/page_parts.h"

namespace tessera::cli::pages {
namespace {

std::string card(const std::string& title, const std::string& hint, const std::string& content) {
  if (content.empty()) return "";
  return "<div class=\"card\"><h3>" + escape_html(title) + "</h3><p class=\"hint\">" +
         escape_html(hint) + "</p>" + content + "</div>";
}

std::string stat(const std::string& name, const std::string& value, const std::string& note,
                 bool is_accent = false) {
  return std::string("<div class=\"card stat") + (is_accent ? " accent" : "") +
         "\"><div class=\"name\">" + escape_html(name) + "</div><div class=\"value\">" +
         escape_html(value) + "</div><div class=\"note\">" + escape_html(note) + "</div></div>";
}

std::string heading(const CompareReport& report, const ComparePageLinks& links) {
  std::string out = "<p class=\"eyebrow\">";
  if (!links.index.empty()) out += link("All films", links.index) + " · ";
  out += "Dense and lite compared</p><h1" +
         std::string(report.prompt.size() > 100 ? " class=\"long\">" : ">") +
         escape_html(report.prompt) + "</h1><p class=\"meta\">";
  return out + escape_html(film_facts(report)) + "</p><div class=\"card verdict\">" +
         escape_html(verdict(report)) + "</div>";
}

std::string stats(const CompareReport& report) {
  const double ratio = speed_up(report);
  return "<div class=\"stats\">" +
         stat("Speed-up", ratio > 0 ? fixed(ratio, 2) + "×" : "–",
              duration(report.dense.total_seconds) + " → " + duration(report.lite.total_seconds),
              true) +
         stat("Tiles skipped", percent(skipped_share(report.tiles)), "of self-attention", true) +
         stat("SSIM", ssim_text(report.ssim), "1 is identical") +
         stat("PSNR", fixed(report.psnr, 1) + "\u00A0dB", "higher is closer, ∞ is identical") +
         "</div>";
}

std::string seconds_chart(const CompareReport& report) {
  LineChart chart;
  chart.labels = {"Seconds per step, dense and lite", "step", "seconds", 1};
  chart.series = {{"Dense", "dense", report.dense.step_seconds},
                  {"Lite", "lite", report.lite.step_seconds}};
  chart.text = [](double value) { return fixed(value, 3) + " s"; };
  const std::string svg = line_chart(chart);
  if (svg.empty()) return "";
  return "<p class=\"legend\"><span><i class=\"dot dense\"></i>Dense</span>"
         "<span><i class=\"dot lite\"></i>Lite</span></p>" +
         svg;
}

std::string work(const CompareReport& report) {
  BarChart bars;
  bars.labels = {"Share of tiles skipped per step", "step", "skipped", 1};
  for (int step = 0; step < report.tiles.steps; ++step) {
    bars.shares.push_back(skipped_share(report.tiles, step));
  }
  const std::string charts =
      card("Time per step", "Wall-clock seconds of each denoising step.", seconds_chart(report)) +
      card("Tiles skipped per step", "Over all layers; 100 % would be no attention at all.",
           bar_chart(bars));
  if (charts.empty()) return "";
  return "<h2>Speed</h2><p class=\"hint\">Both runs start from the same noise and take the same "
         "steps; the lite one leaves out the attention tiles that earlier steps found not to "
         "matter.</p><div class=\"grid\">" +
         charts + "</div>";
}

std::string maps(const CompareReport& report) {
  std::string cards;
  for (size_t stream = 0; stream < report.tiles.streams.size(); ++stream) {
    const std::string& name = report.tiles.streams[stream];
    HeatMap map = skip_map(report.tiles, int(stream));
    map.labels.title += ", stream " + name;
    const std::string svg = heat_map(map);
    if (!svg.empty())
      cards += "<div class=\"card\"><h3>" + escape_html(name) + "</h3>" + svg + "</div>";
  }
  if (cards.empty()) return "";
  return "<h2>What was skipped</h2><p class=\"hint\">Each cell is one layer in one step, a map "
         "for each guidance stream. Point at a cell for its numbers.</p>"
         "<p class=\"legend\"><span>computed<span class=\"ramp\"></span>skipped</span></p>"
         "<div class=\"grid\">" +
         cards + "</div>";
}

std::string quality(const CompareReport& report) {
  LineChart ssim, psnr;
  ssim.labels = {"SSIM of each frame", "frame", "SSIM", 1};
  ssim.series = {{"SSIM", "lite", report.frame_ssim}};
  ssim.y_low = 0.9, ssim.y_high = 1;  // so that a difference nobody sees looks small
  ssim.text = [](double value) { return fixed(value, 4); };
  psnr.labels = {"PSNR of each frame", "frame", "dB", 1};
  psnr.series = {{"PSNR", "lite", report.frame_psnr}};
  psnr.y_low = 20, psnr.y_high = 40;
  psnr.text = [](double value) { return fixed(value, 2) + " dB"; };
  const std::string charts =
      card("SSIM per frame", "Structural similarity to the dense film; 1 is identical.",
           line_chart(ssim)) +
      card("PSNR per frame", "Signal to error in decibels; identical frames leave a gap.",
           line_chart(psnr));
  if (charts.empty()) return "";
  return "<h2>Closeness</h2><p class=\"hint\">How near each lite frame is to the dense one. Both "
         "figures compare pixels: a film can be as good and yet differ.</p><div class=\"grid\">" +
         charts + "</div>";
}

std::string setting(const std::string& name, const std::string& value, bool is_wide = false) {
  if (value.empty()) return "";
  return std::string("<div") + (is_wide ? " class=\"wide\"" : "") + "><dt>" + escape_html(name) +
         "</dt><dd>" + escape_html(value) + "</dd></div>";
}

std::string settings(const CompareReport& r) {
  return "<h2>Settings</h2><div class=\"card\" style=\"margin-top:12px\"><dl class=\"settings\">" +
         setting("Prompt", r.prompt, true) + setting("Negative prompt", r.negative_prompt, true) +
         setting("Model", r.model) +
         setting("Size", std::to_string(r.width) + " × " + std::to_string(r.height)) +
         setting("Frames", std::to_string(r.num_frames) + " at " + number_text(r.fps) + " fps") +
         setting("Steps", std::to_string(r.steps)) +
         setting("Guidance", r.guidance != 0 ? number_text(r.guidance) : "") +
         setting("Seed", std::to_string(r.seed)) + setting("Tokens", grouped(r.tokens)) +
         setting("Tile",
                 std::to_string(r.q_tile) + " queries × " + std::to_string(r.kv_tile) + " keys") +
         setting("Token order", r.token_order) + setting("Policy", r.policy) +
         setting("Direction", r.direction) +
         setting("Back end", r.backend) + setting("Machine", r.machine) +
         setting("Threads", r.threads > 0 ? std::to_string(r.threads) : "") +
         setting("Torch", r.torch_version) + setting("Tessera", r.tessera_version) + "</dl></div>";
}

}  // namespace

std::string compare_page(const CompareReport& report, const ComparePageLinks& links) {
  to_json(report);  // checks the counts
  Player films = comparison_player(report);
  films.has_modes = true;
  std::string body = "<main>" + heading(report, links) + stats(report) + player(films) +
                     work(report) + maps(report) + quality(report) + settings(report) + "<footer>";
  if (!links.report_json.empty()) body += link("All numbers as JSON", links.report_json) + " · ";
  body += "made by tessera " + escape_html(report.tessera_version) + "</footer></main>";
  return document("Dense and lite: " + report.prompt, body);
}

}  // namespace tessera::cli::pages
