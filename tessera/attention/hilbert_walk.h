// A walk through every cell of a box of any size, always to a neighbour: a generalised Hilbert
// curve.
//
// A region is walked along its first axis: from its corner to the corner at that axis's other end.
// It is cut into pieces that are walked the same way, each beginning beside the cell where the one
// before it ended. Four ways to cut are known: in two along the first axis; in three, there and
// back along the second or the third; in five, which for a cube is Hilbert's curve.
// Source of the cuts: J. Cerveny, "Generalized Hilbert space-filling curve for arbitrary-sized
// cuboids", github.com/jakubcerveny/gilbert. Ours differs in how it chooses among them: by parity,
// so that no step is diagonal, and then by how round the pieces are.
#pragma once

#include <array>
#include <cstdint>
#include <functional>

namespace tessera::attention {

/// Cells along each axis, or a cell's place, each >= 0.
using Cells = std::array<int64_t, 3>;

/// Calls `visit` once for each cell of a box of `extents`, each cell a neighbour of the one before
/// it (one coordinate differs by one). Extents >= 1, with a product below 2^62.
void walk_box(const Cells& extents, const std::function<void(const Cells&)>& visit);

}  // namespace tessera::attention
