#include "tessera/video/word_encoder.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/stack.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::video {
namespace {

Vocabulary words() { return Vocabulary::parse("a\nred\nsquare\ngray grey\ntwo 2\n", "vocab.txt"); }

std::string error_of(const std::string& text) {
  try {
    Vocabulary::parse(text, "vocab.txt");
  } catch (const IoError& error) {
    return error.what();
  }
  return "";
}

TEST(Vocabulary, SplitsAtSpacesAndPunctuationAndLowersLetters) {
  const auto found = words().look_up("  A Red,SQUARE!  (gray)");
  EXPECT_EQ(found.ids, (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_TRUE(found.unknown.empty());
}

TEST(Vocabulary, OtherSpellingsHaveTheSameId) {
  EXPECT_EQ(words().look_up("2 grey").ids, (std::vector<int64_t>{4, 3}));
  EXPECT_EQ(words().words(), (std::vector<std::string>{"a", "red", "square", "gray", "two"}));
}

TEST(Vocabulary, TellsTheWordsItLacksOnceAndInOrder) {
  const auto found = words().look_up("a crimson dog, a Dog; caf\xc3\xa9");
  EXPECT_EQ(found.ids, (std::vector<int64_t>{0, 0}));
  EXPECT_EQ(found.unknown, (std::vector<std::string>{"crimson", "dog", "caf\xc3\xa9"}));
  EXPECT_TRUE(words().look_up(" ,.").ids.empty());
}

TEST(Vocabulary, BadFilesAreRefusedByLine) {
  EXPECT_EQ(error_of(""), "vocab.txt: must hold one word a line, got none");
  EXPECT_EQ(error_of("a\n\nb"), "vocab.txt: line 2 must hold a word, got an empty line");
  EXPECT_EQ(error_of("a\nb a"), "vocab.txt: line 2 repeats a word, got: a");
  EXPECT_EQ(error_of("a\nRed"), "vocab.txt: line 2 must be lower case, got: Red");
}

TEST(WordEncoder, AddsWordAndPlaceAndLeavesTheRestZero) {
  WordEncoder encoder(5, 4, 8);
  initialise_weights(encoder, 1);
  const auto table = encoder.named_parameters();
  const auto out = encoder.forward(at::stack({pad_ids({2, 1}, 4), pad_ids({}, 4)}));
  ASSERT_EQ(out.sizes(), (std::vector<int64_t>{2, 4, 8}));
  const auto want = table["embedding.weight"][2] + table["position.weight"][0];
  EXPECT_TRUE(at::equal(out[0][0], want));
  EXPECT_EQ(out[0].slice(0, 2).abs().sum().item<float>(), 0);
  EXPECT_EQ(out[1].abs().sum().item<float>(), 0);
}

TEST(WordEncoder, RefusesMoreWordsThanItHasPlaces) {
  EXPECT_THROW(pad_ids({1, 2, 3}, 2), InvalidArgument);
  EXPECT_THROW(WordEncoder(5, 4, 8).forward(pad_ids({1}, 3).unsqueeze(0)), InvalidArgument);
}

}  // namespace
}  // namespace tessera::video
