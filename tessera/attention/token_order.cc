#include "tessera/attention/token_order.h"

#include <algorithm>

#include "tessera/attention/hilbert_walk.h"
#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

constexpr std::string_view kNames[] = {"raster", "hilbert", "boxes"};

// Part of every id: another construction under an old name must not find old marks valid.
constexpr int kConstruction = 1;

std::string text_of(const TokenExtents& extents) {
  return concat(extents[0], "x", extents[1], "x", extents[2]);
}

void check(const TokenOrderSpec& spec) {
  int64_t tokens = 1;
  for (const int64_t extent : spec.grid) {
    TESSERA_CHECK(extent >= 1,
                  "[token order] every extent of the grid must be >= 1, got: ", text_of(spec.grid));
    TESSERA_CHECK(extent <= kMaxOrderedTokens / tokens, "[token order] a grid may have ",
                  kMaxOrderedTokens, " tokens, got: ", text_of(spec.grid));
    tokens *= extent;
  }
  if (spec.kind != TokenOrderKind::kBoxes) return;
  for (const int64_t extent : spec.box)
    TESSERA_CHECK(extent >= 1,
                  "[token order] every extent of a box must be >= 1, got: ", text_of(spec.box));
}

TokenExtents clipped_box(const TokenOrderSpec& spec) {
  TokenExtents box;
  for (int i = 0; i < 3; ++i) box[i] = std::min(spec.box[i], spec.grid[i]);
  return box;
}

/// Takes raster indices in the order in which tokens are laid out.
class Layout {
 public:
  explicit Layout(const TokenExtents& grid) : grid_(grid) {
    raster_index_.reserve(grid[0] * grid[1] * grid[2]);
  }

  void add(const Cells& token) {
    raster_index_.push_back(
        static_cast<int32_t>((token[0] * grid_[1] + token[1]) * grid_[2] + token[2]));
  }

  /// A part of the grid along the Hilbert curve.
  void add_along_curve(const Cells& begin, const TokenExtents& extents) {
    walk_box(extents, [&](const Cells& cell) {
      add({begin[0] + cell[0], begin[1] + cell[1], begin[2] + cell[2]});
    });
  }

  TokenOrder finish() {
    TokenOrder order{.raster_index = std::move(raster_index_), .position = {}};
    order.position.resize(order.raster_index.size());
    for (size_t i = 0; i < order.raster_index.size(); ++i)
      order.position[order.raster_index[i]] = static_cast<int32_t>(i);
    return order;
  }

 private:
  TokenExtents grid_;
  std::vector<int32_t> raster_index_;
};

void add_raster(Layout& layout, const TokenExtents& grid) {
  for (int64_t t = 0; t < grid[0]; ++t)
    for (int64_t y = 0; y < grid[1]; ++y)
      for (int64_t x = 0; x < grid[2]; ++x) layout.add({t, y, x});
}

// Whole boxes first: as long as they last, every box begins at a multiple of its volume, so tiles
// that divide a box never cross one. What does not fill a box lies in three slabs at the far ends;
// mixed in, their smaller boxes would shift all that follows.
void add_boxes(Layout& layout, const TokenExtents& grid, const TokenExtents& box) {
  Cells whole, boxes;  // tokens in whole boxes, boxes, along each axis
  for (int i = 0; i < 3; ++i) {
    boxes[i] = grid[i] / box[i];
    whole[i] = boxes[i] * box[i];
  }
  walk_box(boxes, [&](const Cells& at) {
    layout.add_along_curve({at[0] * box[0], at[1] * box[1], at[2] * box[2]}, box);
  });
  TokenExtents rest = grid;  // what the slabs before left over
  for (int i = 0; i < 3; ++i) {
    TokenExtents slab = rest;
    slab[i] = grid[i] - whole[i];
    Cells begin = {};
    begin[i] = whole[i];
    if (slab[i] > 0) layout.add_along_curve(begin, slab);
    rest[i] = whole[i];
  }
}

}  // namespace

TokenOrder make_token_order(const TokenOrderSpec& spec) {
  check(spec);
  Layout layout(spec.grid);
  switch (spec.kind) {
    case TokenOrderKind::kRaster:
      add_raster(layout, spec.grid);
      break;
    case TokenOrderKind::kHilbert:
      layout.add_along_curve({}, spec.grid);
      break;
    case TokenOrderKind::kBoxes:
      add_boxes(layout, spec.grid, clipped_box(spec));
      break;
  }
  return layout.finish();
}

int32_t token_order_id(const TokenOrderSpec& spec) {
  check(spec);
  auto text = concat(token_order_name(spec.kind), kConstruction, ":", text_of(spec.grid));
  if (spec.kind == TokenOrderKind::kBoxes) text = concat(text, ":", text_of(clipped_box(spec)));
  // FNV-1a, 64 bits (Fowler, Noll, Vo), folded to 31.
  uint64_t hash = 14695981039346656037u;
  for (const char letter : text)
    hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211u;
  const auto id = static_cast<int32_t>((hash ^ (hash >> 31)) & 0x7fffffff);
  return id == 0 ? 1 : id;
}

std::string token_order_name(TokenOrderKind kind) {
  return std::string(kNames[static_cast<size_t>(kind)]);
}

TokenOrderKind token_order_kind(std::string_view name) {
  const auto found = std::find(std::begin(kNames), std::end(kNames), name);
  TESSERA_CHECK(found != std::end(kNames),
                "[token order] must be raster, hilbert or boxes, got: ", name);
  return static_cast<TokenOrderKind>(found - std::begin(kNames));
}

}  // namespace tessera::attention
