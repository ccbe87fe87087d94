#include "tessera/segmentation/data/csv.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"

namespace tessera::segmentation {
namespace {

std::string trimmed(const std::string& text) {
  const size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// Nothing when a quote is left open.
std::optional<std::vector<std::string>> fields_of(std::string_view line) {
  std::vector<std::string> fields(1);
  bool is_quoted = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (is_quoted && i + 1 < line.size() && line[i + 1] == '"') {
        fields.back() += line[i++];
      } else {
        is_quoted = !is_quoted;
      }
    } else if (line[i] == ',' && !is_quoted) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  if (is_quoted) return std::nullopt;
  for (std::string& field : fields) field = trimmed(field);
  return fields;
}

size_t column_of(const std::vector<std::string>& header, const std::string& name,
                 const std::filesystem::path& path) {
  const auto found = std::find(header.begin(), header.end(), name);
  if (found != header.end()) return static_cast<size_t>(found - header.begin());
  std::string got;
  for (const std::string& field : header) got += concat(got.empty() ? "" : ",", field);
  throw IoError(concat(path.string(), ": the first line must name a column \"", name,
                       "\", got: ", got.empty() ? "nothing" : got));
}

}  // namespace

std::vector<CsvRow> read_csv(const std::filesystem::path& path, const std::string& value_column,
                             std::vector<std::string>& findings) {
  std::string text = read_text(path);
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);
  std::istringstream lines(text);
  std::vector<CsvRow> rows;
  std::optional<size_t> id_column, column;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.find_first_not_of(" \t") == std::string::npos) continue;
    const auto fields = fields_of(line);
    const auto where = [&] { return concat(path.string(), ":", number, ": "); };
    if (!fields) {
      findings.push_back(where() + "a quote must be closed on its line, got: " + line);
    } else if (!column) {
      id_column = column_of(*fields, "id", path);
      column = column_of(*fields, value_column, path);
    } else if (fields->size() <= std::max(*id_column, *column)) {
      findings.push_back(concat(where(), "a row must have the header's fields, got: ", line));
    } else if ((*fields)[*id_column].empty()) {
      findings.push_back(concat(where(), "the id must not be empty, got: ", line));
    } else {
      rows.push_back({number, (*fields)[*id_column], (*fields)[*column]});
    }
  }
  if (!column) column_of({}, "id", path);
  return rows;
}

}  // namespace tessera::segmentation
