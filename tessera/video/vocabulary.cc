#include <algorithm>
#include <sstream>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/video/word_encoder.h"

namespace tessera::video {
namespace {

constexpr size_t kMaxBytes = 1u << 20;

// Not std::isalnum: the result must not depend on the locale.
bool is_word_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

Vocabulary Vocabulary::read(const std::filesystem::path& path) {
  return parse(read_text(path, kMaxBytes), path.string());
}

Vocabulary Vocabulary::parse(std::string_view text, const std::string& name) {
  Vocabulary vocabulary;
  vocabulary.text_ = text;
  std::istringstream lines{vocabulary.text_};
  for (std::string line; std::getline(lines, line);) {
    const int64_t id = vocabulary.size();
    const auto require = [&](bool condition, const auto&... parts) {
      if (!condition) throw IoError(concat(name, ": line ", id + 1, " ", parts...));
    };
    std::istringstream words(line);
    std::string word;
    for (bool is_first = true; words >> word; is_first = false) {
      require(std::none_of(word.begin(), word.end(), [](char c) { return lower(c) != c; }),
              "must be lower case, got: ", word);
      require(vocabulary.id_of_.emplace(word, id).second, "repeats a word, got: ", word);
      if (is_first) vocabulary.words_.push_back(word);
    }
    require(vocabulary.size() == id + 1, "must hold a word, got an empty line");
  }
  if (vocabulary.size() == 0) throw IoError(concat(name, ": must hold one word a line, got none"));
  return vocabulary;
}

PromptWords Vocabulary::look_up(std::string_view prompt) const {
  PromptWords result;
  std::string word;
  const auto end_word = [&] {
    if (word.empty()) return;
    if (const auto found = id_of_.find(word); found != id_of_.end()) {
      result.ids.push_back(found->second);
    } else if (std::find(result.unknown.begin(), result.unknown.end(), word) ==
               result.unknown.end()) {
      result.unknown.push_back(word);
    }
    word.clear();
  };
  for (const char c : prompt) {
    if (is_word_byte(lower(c))) {
      word.push_back(lower(c));
    } else {
      end_word();
    }
  }
  end_word();
  return result;
}

}  // namespace tessera::video
