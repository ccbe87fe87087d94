// A dense and a lite film of one seed, side by side in a folder.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "tessera/cli/film_run.h"
#include "tessera/cli/pages/compare_report.h"

namespace tessera::cli {

/// Both films of a comparison; Ctrl-C leaves out the one that was not whole and what came after.
struct Comparison {
  FilmOptions options;
  video::VideoRequest request;  // its attention mode differs between the films
  double fps = 0;
  std::optional<video::GeneratedVideo> dense, lite;
};

/// Throws, before anything is computed, what would make the films or their report fail later:
/// make_request's rules, a film that cannot be written into `folder`, sides too small for SSIM.
Comparison plan_comparison(const LoadedModel& loaded, const FilmOptions& options,
                           const std::filesystem::path& folder);

/// Makes the films. Ctrl-C ends it after a step.
void run_comparison(Console& console, const std::string& title, const LoadedModel& loaded,
                    Comparison& comparison);

/// Writes into `folder` (which is made): the films, report.json, index.html. Needs both films.
/// `index` is the page above it to link to, or empty. Throws IoError.
pages::CompareReport write_comparison(const LoadedModel& loaded, const Comparison& comparison,
                                      const std::filesystem::path& folder,
                                      const std::string& index);

/// Writes the dense film alone, with the sidecar `dense.json`, for a comparison that was stopped.
void write_dense_film(const LoadedModel& loaded, const Comparison& comparison,
                      const std::filesystem::path& folder);

}  // namespace tessera::cli
