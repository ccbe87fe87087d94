#include "tessera/attention/token_order.h"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::attention {
namespace {

using Kind = TokenOrderKind;

constexpr TokenExtents kVideos[] = {{21, 45, 80}, {21, 30, 52}, {31, 22, 40}, {16, 16, 32}};

std::array<double, 3> place_of(int64_t raster_index, const TokenExtents& grid) {
  return {double(raster_index / (grid[1] * grid[2])), double(raster_index / grid[2] % grid[1]),
          double(raster_index % grid[2])};
}

/// Means over whole tiles of `tile` consecutive tokens.
struct Compactness {
  double surface = 0;   // of the tile's bounding box, in faces of tokens
  double distance = 0;  // root mean square between two tokens of a tile
};

Compactness compactness(const TokenOrderSpec& spec, int64_t tile) {
  const auto order = make_token_order(spec);
  const int64_t tiles = spec.num_tokens() / tile;
  Compactness mean;
  for (int64_t begin = 0; begin < tiles * tile; begin += tile) {
    std::array<double, 3> extent = {};
    for (int axis = 0; axis < 3; ++axis) {
      double low = INFINITY, high = 0, sum = 0, squares = 0;
      for (int64_t i = begin; i < begin + tile; ++i) {
        const double at = place_of(order.raster_index[i], spec.grid)[axis];
        low = std::min(low, at);
        high = std::max(high, at);
        sum += at;
        squares += at * at;
      }
      extent[axis] = high - low + 1;
      mean.distance += 2 * (squares / tile - sum / tile * sum / tile);
    }
    mean.surface += 2 * (extent[0] * extent[1] + extent[1] * extent[2] + extent[0] * extent[2]);
  }
  mean.surface /= tiles;
  mean.distance = std::sqrt(mean.distance / tiles);
  return mean;
}

void expect_whole(const TokenOrderSpec& spec) {
  const auto order = make_token_order(spec);
  const auto size = static_cast<size_t>(spec.num_tokens());
  ASSERT_EQ(order.raster_index.size(), size);
  ASSERT_EQ(order.position.size(), size);
  // A map with an inverse on both sides is a permutation.
  for (size_t i = 0; i < size; ++i) {
    ASSERT_GE(order.raster_index[i], 0);
    ASSERT_LT(static_cast<size_t>(order.raster_index[i]), size);
    ASSERT_EQ(static_cast<size_t>(order.position[order.raster_index[i]]), i);
    ASSERT_EQ(static_cast<size_t>(order.raster_index[order.position[i]]), i);
  }
}

TEST(TokenOrder, IsAPermutationWithItsInverse) {
  for (const Kind kind : {Kind::kRaster, Kind::kHilbert, Kind::kBoxes})
    for (const auto& grid : kVideos) expect_whole({.kind = kind, .grid = grid});
}

TEST(TokenOrder, IsAPermutationOfRandomRaggedGridsAndBoxes) {
  Random random(3);
  const auto draw = [&](int64_t bound) {
    return TokenExtents{1 + random.below(bound), 1 + random.below(bound), 1 + random.below(bound)};
  };
  for (int i = 0; i < 200; ++i) {
    auto grid = draw(24);
    if (i % 4 == 0) grid[random.below(3)] = 1;
    expect_whole({.kind = Kind::kHilbert, .grid = grid});
    expect_whole({.kind = Kind::kBoxes, .grid = grid, .box = draw(9)});
  }
}

TEST(TokenOrder, RasterIsTheIdentity) {
  const auto order = make_token_order({.kind = Kind::kRaster, .grid = {3, 5, 7}});
  for (int32_t i = 0; i < 3 * 5 * 7; ++i) EXPECT_EQ(order.raster_index[i], i);
}

TEST(TokenOrder, HilbertGoesFromNeighbourToNeighbour) {
  for (const auto& grid : kVideos) {
    const auto order = make_token_order({.kind = Kind::kHilbert, .grid = grid});
    for (size_t i = 1; i < order.raster_index.size(); ++i) {
      const auto a = place_of(order.raster_index[i - 1], grid);
      const auto b = place_of(order.raster_index[i], grid);
      ASSERT_EQ(std::abs(a[0] - b[0]) + std::abs(a[1] - b[1]) + std::abs(a[2] - b[2]), 1);
    }
  }
}

TEST(TokenOrder, SaysTheSameOrderForEver) {
  // Marks on disk are valid in the order they were made in, whatever the version. If this fails,
  // raise kConstruction.
  uint64_t hash = 0;
  for (const Kind kind : {Kind::kHilbert, Kind::kBoxes})
    for (const auto& grid : kVideos)
      for (const int32_t index : make_token_order({.kind = kind, .grid = grid}).raster_index)
        hash = (hash ^ static_cast<uint64_t>(index)) * 1099511628211u;
  EXPECT_EQ(hash, 16704769349520757720u);
  EXPECT_EQ(token_order_id({.kind = Kind::kHilbert, .grid = {21, 45, 80}}), 1235421099);
}

TEST(TokenOrder, TilesAreFarMoreCompactThanInRasterOrder) {
  for (const auto& grid : kVideos) {
    for (const int64_t tile : {64, 128}) {
      const auto raster = compactness({.kind = Kind::kRaster, .grid = grid}, tile);
      for (const Kind kind : {Kind::kHilbert, Kind::kBoxes}) {
        const auto compact = compactness({.kind = kind, .grid = grid}, tile);
        EXPECT_LT(compact.surface, 0.55 * raster.surface);
        EXPECT_LT(compact.distance, 0.4 * raster.distance);
      }
    }
  }
}

TEST(TokenOrder, TilesAreNearlyCubesOnTheVideosGrids) {
  // A cube of 64 tokens has a surface of 96; half a cube of 4x4x8 tokens 160. A quarter more for
  // ragged edges, where boundaries shift.
  for (const auto& grid : kVideos) {
    EXPECT_LT(compactness({.kind = Kind::kHilbert, .grid = grid}, 64).surface, 1.27 * 96);
    EXPECT_LT(compactness({.kind = Kind::kHilbert, .grid = grid}, 128).surface, 1.22 * 160);
  }
}

TEST(TokenOrder, TilesStayWithinWholeBoxes) {
  const TokenExtents grid = {21, 45, 80}, box = {4, 4, 8};
  const auto order = make_token_order({.kind = Kind::kBoxes, .grid = grid, .box = box});
  const int64_t whole_boxes = 5 * 11 * 10;
  for (int64_t at = 0; at < whole_boxes * 128; ++at) {
    const auto first = place_of(order.raster_index[at / 128 * 128], grid);
    const auto token = place_of(order.raster_index[at], grid);
    for (int axis = 0; axis < 3; ++axis)
      ASSERT_EQ(std::floor(token[axis] / box[axis]), std::floor(first[axis] / box[axis]));
  }
  // Then one frame that fills no box, then one row of the others.
  const auto last = place_of(order.raster_index.back(), grid);
  EXPECT_EQ(last[1], 44);
  EXPECT_LT(last[0], 20);
  EXPECT_EQ(place_of(order.raster_index[whole_boxes * 128], grid)[0], 20);
}

TEST(TokenOrder, BoxesBeyondTheGridAreTheGrid) {
  const TokenOrderSpec large{.kind = Kind::kBoxes, .grid = {1, 6, 8}, .box = {4, 100, 4}};
  const TokenOrderSpec fitting{.kind = Kind::kBoxes, .grid = {1, 6, 8}, .box = {1, 6, 4}};
  EXPECT_EQ(make_token_order(large).raster_index, make_token_order(fitting).raster_index);
  EXPECT_EQ(token_order_id(large), token_order_id(fitting));
}

TEST(TokenOrderId, TellsKindGridAndBoxApart) {
  std::set<int32_t> ids;
  size_t count = 0;
  const auto add = [&](const TokenOrderSpec& spec) {
    const int32_t id = token_order_id(spec);
    EXPECT_GT(id, 0);
    ids.insert(id);
    ++count;
  };
  for (int64_t t = 1; t <= 12; ++t) {
    for (int64_t y = 1; y <= 12; ++y) {
      const TokenExtents grid = {t, y, 12};
      add({.kind = Kind::kRaster, .grid = grid});
      add({.kind = Kind::kHilbert, .grid = grid});
      for (int64_t box = 1; box <= 8; ++box)
        add({.kind = Kind::kBoxes, .grid = grid, .box = {1, 1, box}});
    }
  }
  EXPECT_EQ(ids.size(), count);
  // Where there are no boxes, their size is no matter.
  EXPECT_EQ(token_order_id({.kind = Kind::kHilbert, .grid = {2, 3, 4}, .box = {1, 1, 1}}),
            token_order_id({.kind = Kind::kHilbert, .grid = {2, 3, 4}, .box = {2, 2, 2}}));
}

std::string refusal(const TokenOrderSpec& spec) {
  try {
    make_token_order(spec);
  } catch (const InvalidArgument& error) {
    return error.what();
  }
  return "accepted";
}

TEST(TokenOrder, RefusesWhatCannotBe) {
  EXPECT_EQ(refusal({.grid = {2, 0, 4}}),
            "[token order] every extent of the grid must be >= 1, got: 2x0x4");
  EXPECT_EQ(refusal({.kind = Kind::kBoxes, .grid = {2, 3, 4}, .box = {1, -1, 1}}),
            "[token order] every extent of a box must be >= 1, got: 1x-1x1");
  // Without allocating: these would be from 512 MB to far more than there is.
  for (const TokenExtents& grid : {TokenExtents{1, 1, kMaxOrderedTokens + 1},
                                   {1, 2147483647, 1},
                                   {46341, 46341, 1},
                                   {int64_t{1} << 32, int64_t{1} << 32, 1},
                                   {INT64_MAX, INT64_MAX, INT64_MAX}})
    EXPECT_EQ(refusal({.grid = grid}),
              concat("[token order] a grid may have 67108864 tokens, got: ", grid[0], "x", grid[1],
                     "x", grid[2]));
  EXPECT_THROW(token_order_id({.grid = {1, 2147483647, 1}}), InvalidArgument);
}

TEST(TokenOrder, HasNames) {
  for (const Kind kind : {Kind::kRaster, Kind::kHilbert, Kind::kBoxes})
    EXPECT_EQ(token_order_kind(token_order_name(kind)), kind);
  EXPECT_EQ(token_order_name(Kind::kHilbert), "hilbert");
  EXPECT_THROW(token_order_kind("zigzag"), InvalidArgument);
}

}  // namespace
}  // namespace tessera::attention
