#include "tessera/segmentation/data/split.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_map>

#include "tessera/core/error.h"
#include "tessera/core/random.h"
#include "tessera/segmentation/data/csv.h"

namespace tessera::segmentation {
namespace {

/// Rows brought into the order of ids; an id without a row has an empty value and a finding.
std::vector<CsvRow> rows_of_ids(const std::filesystem::path& path, const std::string& column,
                                std::span<const std::string> ids,
                                std::vector<std::string>& findings) {
  std::unordered_map<std::string, size_t> index_of;
  for (size_t i = 0; i < ids.size(); ++i) index_of.emplace(ids[i], i);
  std::vector<CsvRow> rows(ids.size());
  for (const CsvRow& row : read_csv(path, column, findings)) {
    const auto found = index_of.find(row.id);
    const std::string where = concat(path.string(), ":", row.line, ": ");
    if (found == index_of.end()) {
      findings.push_back(where + "an id must be the stem of an image, got: " + row.id);
    } else if (rows[found->second].line != 0) {
      findings.push_back(concat(where, "an id must have one row, got: ", row.id, " again (line ",
                                rows[found->second].line, ")"));
    } else {
      rows[found->second] = row;
    }
  }
  for (size_t i = 0; i < ids.size(); ++i) {
    if (rows[i].line == 0) {
      findings.push_back(
          concat(path.string(), ": every image must have a row, got: none for ", ids[i]));
    }
  }
  return rows;
}

/// Fisher and Yates; the order depends on the names and the seed alone.
void shuffle(std::vector<size_t>& order, uint64_t seed) {
  Random random(seed);
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[static_cast<size_t>(random.below(static_cast<int64_t>(i)))]);
  }
}

}  // namespace

std::string_view split_name(Split split) {
  switch (split) {
    case Split::kTrain:
      return "train";
    case Split::kVal:
      return "val";
    default:
      return "test";
  }
}

std::optional<Split> parse_split(std::string_view word) {
  for (const Split split : {Split::kTrain, Split::kVal, Split::kTest}) {
    if (word == split_name(split)) return split;
  }
  return std::nullopt;
}

std::vector<Split> read_split_csv(const std::filesystem::path& path,
                                  std::span<const std::string> ids,
                                  std::vector<std::string>& findings, bool needs_train) {
  const size_t findings_before = findings.size();
  const std::vector<CsvRow> rows = rows_of_ids(path, "split", ids, findings);
  std::vector<Split> splits(ids.size(), Split::kTrain);
  bool has_train = false;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (rows[i].line == 0) continue;
    const std::optional<Split> split = parse_split(rows[i].value);
    if (!split) {
      findings.push_back(concat(path.string(), ":", rows[i].line,
                                ": the split must be train, val or test, got: ", rows[i].value));
      continue;
    }
    splits[i] = *split;
    has_train |= *split == Split::kTrain;
  }
  if (needs_train && !has_train && findings.size() == findings_before) {
    findings.push_back(path.string() + ": at least one image must train, got: none");
  }
  return splits;
}

std::vector<std::string> read_groups_csv(const std::filesystem::path& path,
                                         std::span<const std::string> ids,
                                         std::vector<std::string>& findings) {
  std::vector<std::string> groups;
  for (const CsvRow& row : rows_of_ids(path, "group", ids, findings)) groups.push_back(row.value);
  return groups;
}

std::vector<Split> draw_split(std::span<const std::string> ids, std::span<const std::string> groups,
                              double val_fraction, uint64_t seed) {
  TESSERA_CHECK(val_fraction >= 0 && val_fraction < 1,
                "[draw_split] the val fraction must be in [0, 1), got: ", val_fraction);
  TESSERA_CHECK(groups.empty() || groups.size() == ids.size(),
                "[draw_split] one group for each image, got: ", groups.size(), " for ", ids.size());
  std::vector<Split> splits(ids.size(), Split::kTrain);
  if (val_fraction == 0) return splits;
  std::map<std::string, std::vector<size_t>> members;  // by name, so that the order is fixed
  for (size_t i = 0; i < ids.size(); ++i) members[groups.empty() ? ids[i] : groups[i]].push_back(i);
  TESSERA_CHECK(members.size() >= 2, "[draw_split] at least two ",
                groups.empty() ? "images" : "groups",
                " to part into train and val, got: ", members.size());
  std::vector<const std::vector<size_t>*> sets;
  sets.reserve(members.size());
  for (const auto& [name, indices] : members) sets.push_back(&indices);
  std::vector<size_t> order(sets.size());
  std::iota(order.begin(), order.end(), size_t{0});
  shuffle(order, seed);
  const double wanted = val_fraction * static_cast<double>(ids.size());
  double taken = 0;
  size_t num_taken = 0;
  for (const size_t set : order) {
    const auto size = static_cast<double>(sets[set]->size());
    // A group comes in when that brings the count nearer to the wish.
    if (num_taken > 0 && std::abs(taken + size - wanted) >= std::abs(taken - wanted)) continue;
    if (num_taken + 1 == sets.size()) break;
    for (const size_t index : *sets[set]) splits[index] = Split::kVal;
    taken += size;
    ++num_taken;
  }
  return splits;
}

std::vector<size_t> draw_subset(std::span<const size_t> indices, size_t count, uint64_t seed) {
  std::vector<size_t> order(indices.begin(), indices.end());
  std::sort(order.begin(), order.end());
  shuffle(order, seed);
  order.resize(std::min(count, order.size()));
  std::sort(order.begin(), order.end());
  return order;
}

}  // namespace tessera::segmentation
