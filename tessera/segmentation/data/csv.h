// Small CSV files with a header, read with line numbers; private to the folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tessera::segmentation {

struct CsvRow {
  int line = 0;  ///< 1 is the header
  std::string id, value;
};

/// The columns `id` and `value_column` of a file: fields separated by commas, quoted with "" as in
/// RFC 4180 but without line breaks inside, blank lines skipped, CRLF and a byte-order mark taken.
/// Rows with too few fields, quotes left open or an empty id go to `findings`. Throws IoError when
/// the file cannot be read or lacks a column.
std::vector<CsvRow> read_csv(const std::filesystem::path& path, const std::string& value_column,
                             std::vector<std::string>& findings);

}  // namespace tessera::segmentation
