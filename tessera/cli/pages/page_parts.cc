#include "tessera/cli/pages/page_parts.h"

#include "tessera/cli/pages/html.h"

namespace tessera::cli::pages {
namespace {

std::string frames_attribute(const std::vector<std::string>& frames) {
  nlohmann::json urls = nlohmann::json::array();
  for (const std::string& frame : frames) urls.push_back(link_url(frame));
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  return escape_html(urls.dump(-1, ' ', false, kReplace));
}

std::string screen(const FilmSource& source, const std::string& name) {
  const std::string poster =
      source.frames.empty() ? "" : escape_html(link_url(source.frames.front()));
  std::string out = "<div class=\"screen\"";
  if (!source.frames.empty()) out += " data-frames=\"" + frames_attribute(source.frames) + "\"";
  out += ">";
  if (!source.video.empty()) {
    out += "<video muted loop playsinline controls preload=\"auto\" src=\"" +
           escape_html(link_url(source.video)) + "\"" +
           (poster.empty() ? "" : " poster=\"" + poster + "\"") + "></video>";
  } else if (!poster.empty()) {
    out += "<img alt=\"" + escape_html(name) + "\" src=\"" + poster + "\">";
  } else {
    out += "<p class=\"no-film\">This film was not kept.</p>";
  }
  return out + "</div>";
}

std::string figure(const PlayerFilm& film) {
  std::string out = "<figure class=\"film\">" + screen(film.source, film.name);
  if (!film.name.empty() || !film.note.empty()) {
    out += "<figcaption>";
    if (!film.style.empty()) out += "<i class=\"dot " + film.style + "\"></i>";
    out += escape_html(film.name);
    if (!film.note.empty()) out += "<small>" + escape_html(film.note) + "</small>";
    out += "</figcaption>";
  }
  return out + "</figure>";
}

std::string controls(const Player& player) {
  std::string out =
      "<div class=\"controls\" hidden><button type=\"button\" class=\"play\">Play</button>"
      "<input class=\"seek\" type=\"range\" min=\"0\" max=\"" +
      std::to_string(player.num_frames - 1) +
      "\" value=\"0\" aria-label=\"Frame\"><output class=\"frame-count\"></output>";
  if (player.has_modes) {
    out +=
        "<span class=\"modes\"><button type=\"button\" data-mode=\"side\" aria-pressed=\"true\">"
        "Side by side</button><button type=\"button\" data-mode=\"wipe\" aria-pressed=\"false\">"
        "Wipe</button><button type=\"button\" data-mode=\"difference\" aria-pressed=\"false\">"
        "Difference ×4</button></span>";
  }
  return out + "</div>";
}

}  // namespace

std::string player(const Player& player) {
  std::string out = "<div class=\"player\" data-fps=\"" + fixed(player.fps, 3) +
                    "\" data-count=\"" + std::to_string(player.num_frames) +
                    "\"><div class=\"films" + (player.films.size() == 1 ? " single" : "") + "\">";
  for (const PlayerFilm& film : player.films) out += figure(film);
  out += "</div>";
  if (player.num_frames > 1) out += controls(player);
  return out + "</div>";
}

FilmSource from_above(const FilmSource& source, const std::string& folder) {
  const auto moved = [&](const std::string& path) {
    return path.empty() || path.rfind("data:", 0) == 0 ? path : folder + path;
  };
  FilmSource out;
  out.video = moved(source.video);
  for (const std::string& frame : source.frames) out.frames.push_back(moved(frame));
  return out;
}

Player comparison_player(const CompareReport& report) {
  Player out;
  out.films = {{"Dense", duration(report.dense.total_seconds), "dense", report.dense.film},
               {"Lite", duration(report.lite.total_seconds), "lite", report.lite.film}};
  out.fps = report.fps;
  out.num_frames = report.num_frames;
  return out;
}

HeatMap skip_map(const TileCounts& tiles, int stream) {
  HeatMap map;
  map.rows = tiles.layers;
  map.columns = tiles.steps;
  const int num_streams = int(tiles.streams.size());
  const int first = stream < 0 ? 0 : stream, last = stream < 0 ? num_streams : stream + 1;
  for (int layer = 0; layer < tiles.layers; ++layer) {
    for (int step = 0; step < tiles.steps; ++step) {
      double sum = 0;
      for (int s = first; s < last; ++s) sum += skipped_share(tiles, step, layer, s);
      map.shares.push_back(last > first ? sum / (last - first) : 0);
    }
  }
  map.labels = {"Share of tiles skipped by layer and step", "step", "layer", 1};
  map.text = [&tiles, stream](int layer, int step) {
    const size_t i = tiles.index(step, layer, stream < 0 ? 0 : stream);
    return "layer " + std::to_string(layer) + ", step " + std::to_string(step + 1) + ": " +
           percent(skipped_share(tiles, step, layer, stream < 0 ? 0 : stream), 1) + " skipped (" +
           grouped(tiles.kept[i]) + " of " + grouped(tiles.total[i]) + " tiles computed)";
  };
  return map;
}

std::string link(const std::string& text, const std::string& path) {
  return "<a href=\"" + escape_html(link_url(path)) + "\">" + escape_html(text) + "</a>";
}

std::string ssim_text(double ssim) {
  const std::string text = fixed(ssim, 3);
  return text == "1.000" && ssim < 1 - 1e-9 ? "> 0.999" : text;
}

std::string film_facts(const CompareReport& report) {
  return std::to_string(report.width) + " × " + std::to_string(report.height) + " · " +
         std::to_string(report.num_frames) + " frames at " + number_text(report.fps) + " fps · " +
         std::to_string(report.steps) + " steps · seed " + std::to_string(report.seed);
}

}  // namespace tessera::cli::pages
