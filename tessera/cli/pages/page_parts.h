// Pieces that several pages show; private to the pages. All text arguments are plain and are
// escaped here; all results are HTML.
#pragma once

#include <string>
#include <vector>

#include "tessera/cli/pages/compare_report.h"
#include "tessera/cli/pages/svg_chart.h"

namespace tessera::cli::pages {

struct PlayerFilm {
  std::string name, note;  // caption; no caption when both are empty
  std::string style;       // "dense", "lite" or none: the dot before the name
  FilmSource source;
};

struct Player {
  std::vector<PlayerFilm> films;
  double fps = 16;
  int num_frames = 0;
  /// Buttons to lay the two films over each other.
  bool has_modes = false;
};

/// Films that play together, with controls where there is more than one frame.
std::string player(const Player& player);

/// `source` as seen from the folder above `folder` ("cat/").
FilmSource from_above(const FilmSource& source, const std::string& folder);

/// The two films of a comparison.
Player comparison_player(const CompareReport& report);

/// Map of one stream, or of all streams together for stream = -1.
HeatMap skip_map(const TileCounts& tiles, int stream);

/// A link to a file beside the page.
std::string link(const std::string& text, const std::string& path);

/// Three digits, but never "1.000" for pictures that differ.
std::string ssim_text(double ssim);

/// "832 × 480 · 81 frames at 16 fps · 50 steps · seed 7"
std::string film_facts(const CompareReport& report);

}  // namespace tessera::cli::pages
