#include "tessera/video/demo/vocabulary.h"

#include <algorithm>
#include <set>
#include <sstream>

#include <gtest/gtest.h>

#include "tessera/video/demo/words.h"
#include "tessera/video/word_encoder.h"

namespace tessera::video {
namespace {

std::set<std::string> words_of(const std::vector<std::string>& prompts) {
  std::set<std::string> words;
  for (const auto& prompt : prompts) {
    std::istringstream stream(prompt);
    for (std::string word; stream >> word;) words.insert(word);
  }
  return words;
}

TEST(DemoVocabulary, HoldsEachWordOnce) {
  const auto words = demo_vocabulary();
  EXPECT_EQ(std::set<std::string>(words.begin(), words.end()).size(), words.size());
  EXPECT_EQ(words.size(), 48u);
  EXPECT_EQ(words.front(), "a");
}

TEST(DemoVocabulary, TextIsReadAsTheSameWords) {
  const auto vocabulary = Vocabulary::parse(demo_vocabulary_text(), "vocab.txt");
  EXPECT_EQ(vocabulary.words(), demo_vocabulary());
}

TEST(DemoVocabulary, AliasesMeanTheirWords) {
  const auto vocabulary = Vocabulary::parse(demo_vocabulary_text(), "vocab.txt");
  EXPECT_EQ(vocabulary.look_up("One chequered ring on an 2 grey").ids,
            vocabulary.look_up("a checkered ring on a two gray").ids);
}

TEST(FixedPrompts, AreSixteenAndFit) {
  const auto vocabulary = Vocabulary::parse(demo_vocabulary_text(), "vocab.txt");
  EXPECT_EQ(fixed_prompts().size(), 16u);
  for (const auto& prompt : fixed_prompts()) {
    const auto words = vocabulary.look_up(prompt);
    EXPECT_TRUE(words.unknown.empty()) << prompt;
    EXPECT_LE(words.ids.size(), kMaxPromptWords) << prompt;
  }
}

TEST(FixedPrompts, ShowEverythingTheGeneratorDraws) {
  const auto said = words_of(fixed_prompts());
  // A shape may appear in the singular or the plural.
  for (size_t i = 0; i < kShapeWords.size(); ++i) {
    EXPECT_TRUE(said.count(std::string(kShapeWords[i])) +
                said.count(std::string(kPluralShapeWords[i])))
        << kShapeWords[i];
  }
  for (const auto& word : demo_vocabulary()) {
    const bool is_shape = std::count(kShapeWords.begin(), kShapeWords.end(), word) +
                          std::count(kPluralShapeWords.begin(), kPluralShapeWords.end(), word);
    EXPECT_TRUE(is_shape || said.count(word)) << word;
  }
}

}  // namespace
}  // namespace tessera::video
