#include "tessera/cli/extents.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

/// "128x64" -> 128, 64; nothing unless `text` is N numbers with an x between them.
template <size_t N>
std::optional<std::array<int64_t, N>> parse_extents(const std::string& text) {
  std::array<int64_t, N> extents = {};
  const char *place = text.data(), *end = place + text.size();
  for (size_t i = 0; i < N; ++i) {
    if (i > 0 && (place == end || *place++ != 'x')) return std::nullopt;
    const auto [rest, error] = std::from_chars(place, end, extents[i]);
    if (error != std::errc()) return std::nullopt;
    place = rest;
  }
  if (place != end) return std::nullopt;
  return extents;
}

}  // namespace

std::array<int64_t, 2> parse_size(const std::string& text) {
  const auto size = parse_extents<2>(text);
  TESSERA_CHECK(size.has_value(),
                "[--size] a size is WIDTHxHEIGHT in pixels, such as 128x64, got: ", text);
  return *size;
}

attention::TokenExtents parse_box(const std::string& text) {
  const auto box = parse_extents<3>(text);
  TESSERA_CHECK(box.has_value() && std::ranges::all_of(*box, [](int64_t n) { return n >= 1; }),
                "[--token-box] a box is FRAMESxROWSxCOLUMNS in tokens, such as 4x4x8, got: ", text);
  return *box;
}

}  // namespace tessera::cli
