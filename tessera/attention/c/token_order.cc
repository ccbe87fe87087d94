#include "tessera/attention/token_order.h"

#include <algorithm>
#include <array>
#include <string>

#include "tessera/attention/c/guard.h"

namespace {

using namespace tessera::attention;
using c::check_set;
using c::check_struct;
using c::guarded;

constexpr int32_t kKinds = 3;
static_assert(TESSERA_RASTER_ORDER == static_cast<int32_t>(TokenOrderKind::kRaster));
static_assert(TESSERA_HILBERT_ORDER == static_cast<int32_t>(TokenOrderKind::kHilbert));
static_assert(TESSERA_BOX_ORDER == static_cast<int32_t>(TokenOrderKind::kBoxes));

TokenOrderSpec spec_of(const tessera_token_order_spec* spec, const char* function) {
  check_struct(spec, function, "spec");
  return {.kind = c::enum_of<TokenOrderKind>(spec->kind, kKinds, function, "spec->kind"),
          .grid = {spec->grid[0], spec->grid[1], spec->grid[2]},
          .box = {spec->box[0], spec->box[1], spec->box[2]}};
}

}  // namespace

tessera_status tessera_token_order_make(const tessera_token_order_spec* spec, int32_t* raster_index,
                                        int32_t* position, int64_t capacity) {
  constexpr const char* kName = "tessera_token_order_make";
  return guarded([&] {
    const TokenOrder order = make_token_order(spec_of(spec, kName));
    const auto tokens = static_cast<int64_t>(order.position.size());
    TESSERA_CHECK(capacity >= tokens, "[", kName, "] capacity must be at least the grid's tokens (",
                  tokens, "), got: ", capacity);
    if (raster_index != nullptr) std::ranges::copy(order.raster_index, raster_index);
    if (position != nullptr) std::ranges::copy(order.position, position);
  });
}

tessera_status tessera_token_order_id(const tessera_token_order_spec* spec, int32_t* id) {
  constexpr const char* kName = "tessera_token_order_id";
  return guarded([&] {
    check_set(id, kName, "id");
    *id = token_order_id(spec_of(spec, kName));
  });
}

const char* tessera_token_order_name(int32_t kind) {
  try {
    static const std::array<std::string, kKinds> names = {
        token_order_name(TokenOrderKind::kRaster), token_order_name(TokenOrderKind::kHilbert),
        token_order_name(TokenOrderKind::kBoxes)};
    return 0 <= kind && kind < kKinds ? names[kind].c_str() : nullptr;
  } catch (...) {  // no memory for the names
    return nullptr;
  }
}

tessera_status tessera_token_order_kind(const char* name, int32_t* kind) {
  constexpr const char* kName = "tessera_token_order_kind";
  return guarded([&] {
    check_set(name, kName, "name");
    check_set(kind, kName, "kind");
    *kind = static_cast<int32_t>(token_order_kind(name));
  });
}
