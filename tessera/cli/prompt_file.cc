#include "tessera/cli/prompt_file.h"

#include <sstream>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/video/demo/vocabulary.h"

namespace tessera::cli {

std::vector<std::string> read_prompt_file(const std::string& path) {
  if (path.empty()) return video::fixed_prompts();
  std::vector<std::string> prompts;
  std::istringstream lines(read_text(path));
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) prompts.push_back(line);
  }
  if (prompts.empty()) throw IoError(path + ": must have a prompt on a line, got: none");
  return prompts;
}

}  // namespace tessera::cli
