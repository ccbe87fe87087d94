#include "tessera/attention/hilbert_walk.h"

#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::attention {
namespace {

/// What is wrong with the walk: a step that is no step to a neighbour, a cell twice or never.
/// Empty if nothing is.
std::string fault_of(const Cells& extents) {
  std::vector<bool> is_seen(extents[0] * extents[1] * extents[2]);
  const auto text = concat(extents[0], "x", extents[1], "x", extents[2]);
  std::string fault;
  Cells last = {};
  int64_t count = 0;
  walk_box(extents, [&](const Cells& cell) {
    int64_t distance = 0;
    for (int i = 0; i < 3; ++i) {
      distance += std::abs(cell[i] - last[i]);
      if (cell[i] < 0 || cell[i] >= extents[i]) fault = text + ": left the box";
    }
    if (count > 0 && distance != 1) fault = text + ": made no step to a neighbour";
    if (!fault.empty()) return;
    const int64_t index = (cell[0] * extents[1] + cell[1]) * extents[2] + cell[2];
    if (is_seen[index]) fault = text + ": came twice";
    is_seen[index] = true;
    last = cell;
    ++count;
  });
  if (fault.empty() && count != static_cast<int64_t>(is_seen.size())) fault = text + ": left out";
  return fault;
}

TEST(WalkBox, VisitsEveryCellOfEverySmallBoxByNeighbouringSteps) {
  for (int64_t t = 1; t <= 13; ++t)
    for (int64_t y = 1; y <= 13; ++y)
      for (int64_t x = 1; x <= 13; ++x) ASSERT_EQ(fault_of({t, y, x}), "");
}

TEST(WalkBox, VisitsEveryCellOfLargeRaggedBoxes) {
  for (const Cells& extents : {Cells{21, 45, 80}, {21, 30, 52}, {31, 22, 40}, {53, 59, 61}})
    EXPECT_EQ(fault_of(extents), "");
  Random random(1);
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(fault_of({1 + random.below(90), 1 + random.below(90), 1 + random.below(90)}), "");
}

TEST(WalkBox, VisitsEveryCellOfFlatAndThinBoxes) {
  EXPECT_EQ(fault_of({1, 1, 1}), "");
  EXPECT_EQ(fault_of({1, 100003, 1}), "");
  EXPECT_EQ(fault_of({2, 1, 50021}), "");
  Random random(2);
  for (int i = 0; i < 40; ++i)
    EXPECT_EQ(fault_of({1 + random.below(3), 1 + random.below(700), 1 + random.below(300)}), "");
}

TEST(WalkBox, StartsInACornerAndEndsInOneBesideIt) {
  Cells first = {-1, 0, 0}, last = {};
  walk_box({6, 9, 5}, [&](const Cells& cell) {
    if (first[0] < 0) first = cell;
    last = cell;
  });
  // 9 is the longest, but odd in an even volume: no walk can join the ends of that axis.
  EXPECT_EQ(first, (Cells{0, 0, 0}));
  EXPECT_EQ(last, (Cells{5, 0, 0}));
}

TEST(WalkBox, IsHilbertsCurveOnAPowerOfTwo) {
  // Each run of 8^k cells fills a cube of side 2^k.
  std::vector<Cells> cells;
  walk_box({16, 16, 16}, [&](const Cells& cell) { cells.push_back(cell); });
  for (const int64_t side : {2, 4, 8}) {
    const size_t run = side * side * side;
    for (size_t begin = 0; begin < cells.size(); begin += run)
      for (size_t i = begin; i < begin + run; ++i)
        for (int axis = 0; axis < 3; ++axis)
          ASSERT_EQ(cells[i][axis] / side, cells[begin][axis] / side);
  }
}

}  // namespace
}  // namespace tessera::attention
