// A made-up comparison with plausible numbers, for tests and to look at.
#pragma once

#include <filesystem>
#include <string>

#include "tessera/cli/pages/compare_report.h"
#include "tessera/media/frames.h"

namespace tessera::cli::pages {

/// Every number follows from the arguments. Film paths are left empty.
CompareReport sample_report(const std::string& prompt, int steps, int layers, uint64_t seed);

/// A disc that crosses the picture; `error` moves and tints it a little.
media::Frames sample_film(int num_frames, int height, int width, double error);

/// Writes a demo folder: two comparisons with films, an index, reports.
void write_sample(const std::filesystem::path& folder);

}  // namespace tessera::cli::pages
