#include "tessera/attention/token_ranges.h"

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::attention {
namespace {

using Ranges = std::vector<TokenRange>;

std::string text_of(const uint32_t* words, int64_t count) {
  std::string text;
  for (int64_t i = 0; i < count; ++i) text += (words[i / 32] >> (i % 32)) & 1 ? '1' : '0';
  return text;
}

/// 3 heads; 5 tiles of 16 queries, the last one of 6; tiles of 16 keys.
RangeGrid grid(int64_t kv_len = 100) {
  return {.num_heads = 3, .q_len = 70, .kv_len = kv_len, .geometry = {16, 16}};
}

std::string keep_tiles(const Ranges& ranges, int64_t kv_len = 100) {
  return text_of(range_tiles(ranges, {}, grid(kv_len)).row(0, 0).keep, (kv_len + 15) / 16);
}

std::string skip_tiles(const Ranges& ranges, int64_t kv_len = 100) {
  return text_of(range_tiles({}, ranges, grid(kv_len)).row(0, 0).skip, (kv_len + 15) / 16);
}

/// One line a row of tiles of a head.
using Lines = std::vector<std::string>;
Lines keep_lines(const Ranges& ranges, int64_t head) {
  const RangeTiles tiles = range_tiles(ranges, {}, grid());
  Lines lines;
  for (int64_t i = 0; i < 5; ++i) lines.push_back(text_of(tiles.row(head, i).keep, 7));
  return lines;
}
Lines skip_lines(const Ranges& ranges, int64_t head) {
  const RangeTiles tiles = range_tiles({}, ranges, grid());
  Lines lines;
  for (int64_t i = 0; i < 5; ++i) lines.push_back(text_of(tiles.row(head, i).skip, 7));
  return lines;
}
const std::string kNone = "0000000";

std::string refusal(const Ranges& keep, const Ranges& skip) {
  try {
    range_tiles(keep, skip, grid());
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
  const auto tiles = range_tiles(Ranges{{20, 40}}, Ranges{{0, 20}, {40, 100}}, grid());
  EXPECT_EQ(text_of(tiles.row(2, 4).keep, 7), "0110000");
  EXPECT_EQ(text_of(tiles.row(2, 4).skip, 7), "1001111");
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
            "[59, 70) for query 0 of all heads");
}

TEST(TokenRanges, RangesForAllShareOneList) {
  const auto tiles = range_tiles(Ranges{{20, 40}}, Ranges{{50, 100, 0, 70}}, grid());
  EXPECT_EQ(tiles.row(0, 0).keep, tiles.row(2, 4).keep);
}

TEST(TokenRanges, MustKeepRoundsOutwardsInQueriesToo) {
  EXPECT_EQ(keep_lines({{20, 21, 15, 17}}, 0), (Lines{"0100000", "0100000", kNone, kNone, kNone}));
  EXPECT_EQ(keep_lines({{20, 21, 16, 32}}, 0), (Lines{kNone, "0100000", kNone, kNone, kNone}));
}

TEST(TokenRanges, MustSkipRoundsInwardsInQueriesToo) {
  EXPECT_EQ(skip_lines({{16, 48, 15, 33}}, 0), (Lines{kNone, "0110000", kNone, kNone, kNone}));
  EXPECT_EQ(skip_lines({{16, 48, 17, 32}}, 0), Lines(5, kNone));
}

TEST(TokenRanges, MustSkipThatReachesTheLastQueryFillsTheShortLastTile) {
  EXPECT_EQ(skip_lines({{0, 16, 64, 70}}, 0).back(), "1000000");
  EXPECT_EQ(skip_lines({{0, 16, 64, kLastToken}}, 0).back(), "1000000");
  EXPECT_EQ(skip_lines({{0, 16, 64, 69}}, 0).back(), kNone);
}

TEST(TokenRanges, SeveralRangesFillATileTogether) {
  // Four quarters of tile (1, 2), and the same with a corner missing.
  const Ranges quarters = {{32, 40, 16, 20}, {40, 48, 16, 20}, {32, 44, 20, 32}, {40, 48, 20, 70}};
  EXPECT_EQ(skip_lines(quarters, 1)[1], "0010000");
  const Ranges corner = {{32, 40, 16, 20}, {40, 48, 17, 20}, {32, 44, 20, 32}, {40, 48, 20, 70}};
  EXPECT_EQ(skip_lines(corner, 1)[1], kNone);
}

TEST(TokenRanges, ARangeForOneHeadJoinsThoseForAll) {
  const Ranges ranges = {{0, 16}, {32, 40, 0, 16, 1}};
  EXPECT_EQ(keep_lines(ranges, 0), Lines(5, "1000000"));
  EXPECT_EQ(keep_lines(ranges, 1), (Lines{"1010000", "1000000", "1000000", "1000000", "1000000"}));
  EXPECT_EQ(keep_lines(ranges, 2), Lines(5, "1000000"));
}

/// Whether any, and whether all, of a tile's scores lie in the ranges: score by score.
std::pair<bool, bool> any_and_all(const Ranges& ranges, int64_t head, int64_t i, int64_t j) {
  bool any = false, all = true;
  for (int64_t q = i * 16; q < std::min<int64_t>(i * 16 + 16, 70); ++q) {
    for (int64_t k = j * 16; k < std::min<int64_t>(j * 16 + 16, 100); ++k) {
      const bool is_in = std::any_of(ranges.begin(), ranges.end(), [&](const TokenRange& r) {
        return r.begin <= k && k < r.end && r.q_begin <= q && q < r.q_end &&
               (r.head == kAllHeads || r.head == head);
      });
      any |= is_in;
      all &= is_in;
    }
  }
  return {any, all};
}

TEST(TokenRanges, RandomRangesAgreeWithCountingScores) {
  Random random(7);
  const auto pair_below = [&](int64_t limit) {
    const int64_t begin = random.below(limit);
    return std::pair(begin, begin + 1 + static_cast<int64_t>(random.below(limit - begin)));
  };
  int64_t filled = 0;
  for (int round = 0; round < 200; ++round) {
    Ranges ranges;
    for (int n = 0; n < 6; ++n) {
      const auto [begin, end] = pair_below(100);
      const auto [q_begin, q_end] = pair_below(70);
      ranges.push_back({begin, end, q_begin, q_end, n % 4 - 1});
    }
    const RangeTiles keep = range_tiles(ranges, {}, grid()), skip = range_tiles({}, ranges, grid());
    for (int64_t at = 0; at < 3 * 5 * 7; ++at) {
      const int64_t head = at / 35, i = at / 7 % 5, j = at % 7;
      const auto [any, all] = any_and_all(ranges, head, i, j);
      filled += all;
      ASSERT_EQ((keep.row(head, i).keep[0] >> j) & 1, any) << round << ": " << at;
      ASSERT_EQ((skip.row(head, i).skip[0] >> j) & 1, all) << round << ": " << at;
    }
  }
  EXPECT_GT(filled, 500);
}

TEST(TokenRanges, RefusesHeadsAndQueriesOutside) {
  const std::string begin = "[attention_forward] must_keep must name ";
  EXPECT_EQ(refusal({{0, 5, 0, 70, 3}}, {}), begin + "a head in [0, 3), got: 3");
  EXPECT_EQ(refusal({{0, 5, 0, 70, -2}}, {}), begin + "a head in [0, 3), got: -2");
  const std::string queries = begin + "non-empty ranges of queries in [0, 70), got: ";
  EXPECT_EQ(refusal({{0, 5, 0, 71}}, {}), queries + "[0, 71)");
  EXPECT_EQ(refusal({{0, 5, 9, 9}}, {}), queries + "[9, 9)");
  EXPECT_EQ(refusal({{0, 5, -1, 9}}, {}), queries + "[-1, 9)");
}

TEST(TokenRanges, ScoresInBothListsAreRefusedTokensAreNot) {
  EXPECT_EQ(refusal({{0, 20, 0, 10}}, {{0, 20, 10, 70}}), "accepted");
  EXPECT_EQ(refusal({{0, 20, 0, 10, 0}}, {{0, 20, 0, 10, 1}}), "accepted");
  EXPECT_EQ(refusal({{0, 20, 0, 11, 1}}, {{19, 40, 10, 70}}),
            "[attention_forward] must_keep and must_skip must share no token, got: [0, 20) and "
            "[19, 40) for query 10 of head 1");
}

}  // namespace
}  // namespace tessera::attention
