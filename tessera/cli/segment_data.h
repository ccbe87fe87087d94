// Images and masks as the segment commands take and describe them.
#pragma once

#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "tessera/cli/console.h"
#include "tessera/segmentation/data/dataset.h"

namespace tessera::cli {

struct DataFlags {
  std::string images, masks, split, groups, foreground = "auto";
  double validation_share = 0.15;
};

/// Adds --images, --masks, --split and --foreground.
void add_data_flags(CLI::App& command, DataFlags& flags);

/// Adds what decides a drawn split: --groups, --validation-share.
void add_split_flags(CLI::App& command, DataFlags& flags);

/// Throws InvalidArgument for a folder that was not given or a foreground rule that is none.
void check_data_flags(const DataFlags& flags);

/// Opens and checks everything. Throws InvalidArgument (a flag missing, a rule that is none), one
/// IoError with all findings.
segmentation::Dataset open_data(const DataFlags& flags, uint64_t seed);

/// The same for scoring: no training image is needed, and without a split file all are test images.
segmentation::Dataset open_data_to_score(const DataFlags& flags);

/// Lines on what was read: counts, sizes, foreground rule, empty masks; then warnings.
void describe_data(Console& console, const DataFlags& flags, const segmentation::Dataset& data);

/// "256 × 256 (20), 320 × 256 (4)": the most frequent sizes, width first.
std::string describe_sizes(const segmentation::Dataset& data);

/// "20 train, 4 val, 12 test".
std::string describe_split(const segmentation::Dataset& data);

/// The images of the splits, ascending by id within each.
std::vector<size_t> indices_of(const segmentation::Dataset& data,
                               const std::vector<segmentation::Split>& splits);

/// One line of a description: the name in a column of its own.
void say_fact(Console& console, const std::string& name, const std::string& text);

}  // namespace tessera::cli
