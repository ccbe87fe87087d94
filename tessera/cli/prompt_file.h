// Prompts of commands that make many films.
#pragma once

#include <string>
#include <vector>

namespace tessera::cli {

/// One prompt a line, empty lines left out; the demo model's fixed prompts if `path` is empty.
/// Throws IoError that begins with the path.
std::vector<std::string> read_prompt_file(const std::string& path);

}  // namespace tessera::cli
