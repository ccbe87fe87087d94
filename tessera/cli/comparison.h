// A dense and a lite film of one seed, side by side in a folder.
#pragma once

#include <filesystem>

#include "tessera/cli/film_run.h"
#include "tessera/cli/pages/compare_report.h"

namespace tessera::cli {

/// Makes both films and writes into `folder` (which is made): the films, report.json, index.html.
/// `index` is the page above it to link to, or empty. Throws Interrupted after Ctrl-C; then
/// nothing of this comparison is left.
pages::CompareReport make_comparison(Console& console, const std::string& title,
                                     const LoadedModel& loaded, const FilmOptions& options,
                                     const std::filesystem::path& folder, const std::string& index);

}  // namespace tessera::cli
