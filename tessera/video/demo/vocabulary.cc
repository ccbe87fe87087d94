#include "tessera/video/demo/vocabulary.h"

#include <algorithm>

#include "tessera/video/demo/words.h"

namespace tessera::video {
namespace {

/// Adds the words of a phrase that are not there yet.
void add_words(std::string_view phrase, std::vector<std::string>& words) {
  for (size_t begin = 0; begin < phrase.size();) {
    const size_t end = std::min(phrase.find(' ', begin), phrase.size());
    const auto word = phrase.substr(begin, end - begin);
    if (std::find(words.begin(), words.end(), word) == words.end()) words.emplace_back(word);
    begin = end + 1;
  }
}

}  // namespace

std::vector<std::string> demo_vocabulary() {
  std::vector<std::string> words;
  const auto add_all = [&](const auto& phrases) {
    for (const auto phrase : phrases) add_words(phrase, words);
  };
  add_all(kCountWords);
  add_all(kGroundColourWords);
  add_all(kShapeWords);
  add_all(kPluralShapeWords);
  add_all(kFillWords);
  add_all(kGroundTextureWords);
  add_all(kMotionWords);
  add_words("on background and behind bars", words);
  add_all(kPanningWords);
  return words;
}

std::vector<std::pair<std::string, std::string>> demo_aliases() {
  return {{"an", "a"},
          {"one", "a"},
          {"1", "a"},
          {"2", "two"},
          {"3", "three"},
          {"grey", "gray"},
          {"chequered", "checkered"}};
}

std::string demo_vocabulary_text() {
  std::string text;
  const auto aliases = demo_aliases();
  for (const auto& word : demo_vocabulary()) {
    text += word;
    for (const auto& [spelling, meaning] : aliases) {
      if (meaning == word) text += " " + spelling;
    }
    text += "\n";
  }
  return text;
}

std::vector<std::string> fixed_prompts() {
  return {
      "a red circle moving right on a blue background",
      "two green squares moving up on a gray background",
      "three yellow stars staying still on a purple background",
      "a white triangle spinning on a black background",
      "an orange ring growing on a cyan background",
      "two cyan crosses moving down on a red background",
      "three purple circles moving left on a white background",
      "a blue square bouncing on a yellow background",
      "two striped red circles moving left on a cloudy blue background",
      "a dotted purple star and a yellow cross circling on a green background",
      "three checkered green squares shrinking on a striped orange background",
      "two white rings staying still on a cyan background behind bars",
      "a striped orange triangle moving right on a checkered blue background",
      "a red square and a blue ring bouncing on a gray background behind bars",
      "a green triangle staying still on a checkered purple background camera panning left",
      "two yellow circles growing on a cloudy red background camera panning right",
  };
}

}  // namespace tessera::video
