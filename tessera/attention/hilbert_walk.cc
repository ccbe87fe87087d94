#include "tessera/attention/hilbert_walk.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <map>
#include <span>

#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

// A piece is written in terms of the region it is cut from: which of the region's axes, in the
// order in which the piece uses them, which part of each, and whether it is walked backwards.
enum class Part : int8_t { kWhole, kFirst, kRest };
struct PieceAxis {
  int8_t source = 0;
  Part part = Part::kWhole;
  bool is_backward = false;
};
using Piece = std::array<PieceAxis, 3>;

constexpr PieceAxis kA{0}, kA1{0, Part::kFirst}, kA2{0, Part::kRest}, kA2Back{0, Part::kRest, true};
constexpr PieceAxis kB{1}, kB1{1, Part::kFirst}, kB2{1, Part::kRest},
    kB1Back{1, Part::kFirst, true};
constexpr PieceAxis kC{2}, kC1{2, Part::kFirst}, kC2{2, Part::kRest}, kCBack{2, Part::kWhole, true};
constexpr PieceAxis kC1Back{2, Part::kFirst, true}, kC2Back{2, Part::kRest, true};

constexpr Piece kInTwo[] = {{kA1, kB, kC}, {kA2, kB, kC}};
constexpr Piece kAlongSecond[] = {{kB1, kC, kA1}, {kA, kB2, kC}, {kB1Back, kC, kA2Back}};
constexpr Piece kAlongThird[] = {{kC1, kA1, kB}, {kA, kB, kC2}, {kC1Back, kA2Back, kB}};
constexpr Piece kInFive[] = {{kB1, kC1, kA1},
                             {kC, kA1, kB2},
                             {kA, kB1Back, kC2Back},
                             {kCBack, kA2Back, kB2},
                             {kB1Back, kC1, kA2Back}};
constexpr std::span<const Piece> kWaysToCut[] = {kInTwo, kAlongSecond, kAlongThird, kInFive};

/// How a region of some size is cut: the pieces, and the length of the first part of each axis.
struct Plan {
  std::span<const Piece> pieces;
  Cells first = {};
};

int64_t length_of(const PieceAxis& axis, const Cells& size, const Cells& first) {
  const int64_t whole = size[axis.source], begin = first[axis.source];
  return axis.part == Part::kWhole ? whole : axis.part == Part::kFirst ? begin : whole - begin;
}

Cells size_of(const Piece& piece, const Cells& size, const Cells& first) {
  return {length_of(piece[0], size, first), length_of(piece[1], size, first),
          length_of(piece[2], size, first)};
}

// Colour the cells like a chessboard: a step changes the colour, so n cells end on the first one's
// colour if n is odd. The far end of the first axis has the first one's colour if that axis is odd.
// So an even axis always fits, and an odd one only where the other two are odd too.
bool is_walkable(const Cells& size) {
  if (std::find(size.begin(), size.end(), 0) != size.end()) return false;
  if (size[0] == 1) return size[1] == 1 && size[2] == 1;
  return size[0] % 2 == 0 || (size[1] % 2 == 1 && size[2] % 2 == 1);
}

/// Surface of the piece against that of a cube of its volume, weighted by its volume; in a region
/// of one layer circumference and square.
double roughness(const Cells& size, bool is_flat) {
  const auto [w, h, d] = std::array{double(size[0]), double(size[1]), double(size[2])};
  const double volume = w * h * d;
  if (is_flat) return std::sqrt(volume) * (w + h + d - 1);
  return std::cbrt(volume) * (w * h + h * d + w * d);
}

/// The largest power of two below the length: one part is a box of Hilbert's own sizes, whose
/// pieces stay whole within tiles of 64 or 128 tokens; exact middles would shift them. Measured:
/// docs/attention/token_order.md. 0 where there is nothing to cut.
int64_t cut_of(int64_t length) {
  return length < 2 ? 0 : int64_t(std::bit_ceil(static_cast<uint64_t>(length)) / 2);
}

// Note [There is always a way to cut]
// The cut n of an axis is even, or 1 for an axis of 2. First axis w even: in two if w >= 4, both
// parts being even. If w = 2, along an axis of 3 or more, whose first part is even; if both others
// are at most 2, along an axis of 2, or in five in a cube of 2. First axis w odd, so that all are:
// in two gives an even part and an odd one, which is walkable unless it is 1; then along an axis of
// 3 or more, whose parts are even and odd.
Plan choose(const Cells& size) {
  const bool is_flat = std::find(size.begin(), size.end(), 1) != size.end();
  const Cells first = {cut_of(size[0]), cut_of(size[1]), cut_of(size[2])};
  Plan best;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& pieces : kWaysToCut) {
    double sum = 0;
    bool is_possible = true;
    for (const Piece& piece : pieces) {
      const Cells part = size_of(piece, size, first);
      is_possible = is_possible && is_walkable(part);
      sum += roughness(part, is_flat);
    }
    // Ways that are equal but for the last bits of a root: the first, on every machine.
    if (!is_possible || sum > least * (1 - 1e-9)) continue;
    least = sum;
    best = {pieces, first};
  }
  TESSERA_ASSERT(!best.pieces.empty());  // Note [There is always a way to cut]
  return best;
}

/// A region in the box: where it starts, and along which of the box's axes, which way, it is
/// walked.
struct Region {
  Cells start = {};
  Cells size = {};
  std::array<int, 3> axis = {0, 1, 2};
  std::array<int, 3> sign = {1, 1, 1};
};

Region cut_out(const Region& region, const Piece& piece, const Cells& first) {
  Region part{.start = region.start, .size = size_of(piece, region.size, first)};
  for (int i = 0; i < 3; ++i) {
    const auto [source, which, is_backward] = piece[i];
    part.axis[i] = region.axis[source];
    part.sign[i] = is_backward ? -region.sign[source] : region.sign[source];
    int64_t offset = which == Part::kRest ? first[source] : 0;
    if (is_backward) offset += part.size[i] - 1;
    part.start[part.axis[i]] += offset * region.sign[source];
  }
  return part;
}

class Walker {
 public:
  explicit Walker(const std::function<void(const Cells&)>& visit) : visit_(visit) {}

  void walk(const Region& region) {
    if (region.size[1] == 1 && region.size[2] == 1) return walk_row(region);
    const auto [entry, is_new] = plans_.try_emplace(region.size);
    if (is_new) entry->second = choose(region.size);
    const Plan& plan = entry->second;
    for (const Piece& piece : plan.pieces) walk(cut_out(region, piece, plan.first));
  }

 private:
  void walk_row(const Region& row) {
    Cells cell = row.start;
    for (int64_t i = 0; i < row.size[0]; ++i, cell[row.axis[0]] += row.sign[0]) visit_(cell);
  }

  const std::function<void(const Cells&)>& visit_;
  std::map<Cells, Plan> plans_;  // there are few sizes, each met often
};

}  // namespace

void walk_box(const Cells& extents, const std::function<void(const Cells&)>& visit) {
  // The longest axis first, or the longest along which there is a walk: an even one if the volume
  // is even.
  std::array<int, 3> order = {0, 1, 2};
  std::stable_sort(order.begin(), order.end(),
                   [&](int a, int b) { return extents[a] > extents[b]; });
  Region box;
  for (int i = 0; i < 3; ++i) {
    box.axis = order;
    std::rotate(box.axis.begin(), box.axis.begin() + i, box.axis.begin() + i + 1);
    box.size = {extents[box.axis[0]], extents[box.axis[1]], extents[box.axis[2]]};
    if (is_walkable(box.size)) break;
  }
  Walker(visit).walk(box);
}

}  // namespace tessera::attention
