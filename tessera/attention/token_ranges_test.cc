#include "tessera/attention/token_ranges.h"

#include <string>

#include <gtest/gtest.h>

#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

using Ranges = std::vector<TokenRange>;

std::string tiles_of(const std::vector<uint32_t>& words, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += (words[i / 32] >> (i % 32)) & 1 ? '1' : '0';
  return text;
}

std::string keep_tiles(const Ranges& ranges, int64_t kv_len = 100) {
  return tiles_of(range_tiles(ranges, {}, kv_len, 16).keep, (kv_len + 15) / 16);
}

std::string skip_tiles(const Ranges& ranges, int64_t kv_len = 100) {
  return tiles_of(range_tiles({}, ranges, kv_len, 16).skip, (kv_len + 15) / 16);
}

std::string refusal(const Ranges& keep, const Ranges& skip) {
  try {
    range_tiles(keep, skip, 100, 16);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(TokenRanges, MustKeepRoundsOutwards) {
  EXPECT_EQ(keep_tiles({{15, 17}}), "1100000");
  EXPECT_EQ(keep_tiles({{16, 32}}), "0100000");
  EXPECT_EQ(keep_tiles({{0, 1}, {99, 100}}), "1000001");
}

TEST(TokenRanges, MustSkipRoundsInwards) {
  EXPECT_EQ(skip_tiles({{15, 33}}), "0100000");
  EXPECT_EQ(skip_tiles({{17, 32}}), "0000000");
  EXPECT_EQ(skip_tiles({{0, 100}}), "1111111");
}

TEST(TokenRanges, MustSkipThatReachesTheEndFillsTheShortLastTile) {
  EXPECT_EQ(skip_tiles({{96, 100}}), "0000001");
  EXPECT_EQ(skip_tiles({{96, 99}}), "0000000");
}

TEST(TokenRanges, TouchingRangesFillATileTogether) {
  EXPECT_EQ(skip_tiles({{16, 20}, {20, 32}}), "0100000");
}

TEST(TokenRanges, TilesPastTheFirstWordAreReached) {
  EXPECT_EQ(keep_tiles({{16 * 33, 16 * 34}}, 16 * 40), std::string(33, '0') + "1000000");
}

TEST(TokenRanges, DisjointTokensGiveDisjointTiles) {
  const auto tiles = range_tiles(Ranges{{20, 40}}, Ranges{{0, 20}, {40, 100}}, 100, 16);
  EXPECT_EQ(tiles_of(tiles.keep, 7), "0110000");
  EXPECT_EQ(tiles_of(tiles.skip, 7), "1001111");
}

TEST(TokenRanges, RefusesBrokenLists) {
  const std::string rule =
      "[attention_forward] must_keep must be ascending, non-empty ranges "
      "without overlap in [0, 100), got: ";
  EXPECT_EQ(refusal({{5, 5}}, {}), rule + "[5, 5)");
  EXPECT_EQ(refusal({{-1, 5}}, {}), rule + "[-1, 5)");
  EXPECT_EQ(refusal({{5, 101}}, {}), rule + "[5, 101)");
  EXPECT_EQ(refusal({{5, 9}, {8, 12}}, {}), rule + "[8, 12)");
  EXPECT_EQ(refusal({{50, 60}, {5, 9}}, {}), rule + "[5, 9)");
}

TEST(TokenRanges, RefusesATokenInBothLists) {
  EXPECT_EQ(refusal({{0, 5}, {50, 60}}, {{10, 20}, {59, 70}}),
            "[attention_forward] must_keep and must_skip must share no token, got: [50, 60) and "
            "[59, 70)");
}

}  // namespace
}  // namespace tessera::attention
