// Which images train, which choose the epoch, which are only scored.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tessera::segmentation {

enum class Split { kTrain, kVal, kTest };

/// "train", "val", "test".
std::string_view split_name(Split split);
std::optional<Split> parse_split(std::string_view word);

/// Reads a CSV with the header `id,split` (further columns are ignored) and returns the split of
/// each of `ids`, in their order. Every finding is appended to `findings` with its line number:
/// unknown id, id without a row, id with two rows, unknown split word, a row with too few fields,
/// and with `needs_train` no row for train. Throws IoError only when the file cannot be read or has
/// another header.
std::vector<Split> read_split_csv(const std::filesystem::path& path,
                                  std::span<const std::string> ids,
                                  std::vector<std::string>& findings, bool needs_train = true);

/// Reads a CSV whose header has the columns `id` and `group` and returns each id's group; findings
/// as in read_split_csv.
std::vector<std::string> read_groups_csv(const std::filesystem::path& path,
                                         std::span<const std::string> ids,
                                         std::vector<std::string>& findings);

/// Draws train and val from a seed. Whole groups go to one side; `groups` is empty (each image on
/// its own) or has one name for each image. val gets the number of images nearest to
/// count * val_fraction that whole groups allow, at least one group, and leaves at least one for
/// train; val_fraction 0 draws none. The draw depends on the names of the groups (or ids) and the
/// seed, not on their order. Throws InvalidArgument for a fraction outside [0, 1), or when there
/// are fewer than two images or groups to part.
std::vector<Split> draw_split(std::span<const std::string> ids, std::span<const std::string> groups,
                              double val_fraction, uint64_t seed);

/// `count` of `indices` in ascending order, drawn from a seed; a larger draw from the same seed
/// contains the smaller one, so that runs with few images can be compared. All of them when there
/// are not more.
std::vector<size_t> draw_subset(std::span<const size_t> indices, size_t count, uint64_t seed);

}  // namespace tessera::segmentation
