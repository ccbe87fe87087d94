#include "tessera/attention/skip_state.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <span>

#include "tessera/attention/pending.h"
#include "tessera/core/error.h"

namespace tessera::attention {
namespace {

constexpr int64_t kMaxSize = std::numeric_limits<int32_t>::max();

template <size_t N>
std::string shape_text(const std::array<int64_t, N>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < N; ++i) text += concat(i == 0 ? "" : ", ", shape[i]);
  return text + "]";
}

template <size_t N>
int64_t element_count(const std::array<int64_t, N>& shape) {
  int64_t count = 1;
  for (const int64_t size : shape) count *= size;
  return count;
}

void check_size(const char* name, int64_t value, int64_t low, int64_t high) {
  TESSERA_CHECK(low <= value && value <= high, "[SkipState] ", name, " must be in [", low, ", ",
                high, "], got: ", value);
}

void check_shape(const SkipStateShape& shape) {
  check_size("batch", shape.batch, 1, kMaxSize);
  check_size("num_heads", shape.num_heads, 1, kMaxSize);
  check_size("q_len", shape.q_len, 1, kMaxSize);
  check_size("kv_len", shape.kv_len, 1, kMaxSize);
  check_size("q_tile", shape.geometry.q_tile, 1, kMaxTileSize);
  check_size("kv_tile", shape.geometry.kv_tile, 1, kMaxTileSize);
  check_size("q_group", shape.geometry.q_group, 1, kMaxQGroup);
  check_size("token_order", shape.token_order, 0, kMaxSize);
  check_size("streams", shape.streams, 1, 2);
  // The largest array has one entry per tile or, at tiles of one token, per row; in doubles, since
  // the product may pass 64 bits.
  const double tiles = static_cast<double>(shape.batch) * static_cast<double>(shape.num_heads) *
                       static_cast<double>(shape.q_len) * static_cast<double>(shape.kv_tiles());
  TESSERA_CHECK(tiles <= 0x1p+60,
                "[SkipState] batch x heads x q_len x kv tiles must be at most "
                "2^60, got: ",
                tiles);
}

void check_arrays(const SkipStateView& state, const SkipStateShape& shape) {
  TESSERA_CHECK(state.bits_shape == shape.bits_shape(), "[SkipState] bits must be ",
                shape_text(shape.bits_shape()), ", got: ", shape_text(state.bits_shape));
  TESSERA_CHECK(state.spent_shape == shape.spent_shape(), "[SkipState] spent must be ",
                shape_text(shape.spent_shape()), ", got: ", shape_text(state.spent_shape));
  TESSERA_CHECK((state.lse != nullptr) == shape.has_lse,
                "[SkipState] lse must be set if the state has it and else null, got: ",
                state.lse == nullptr ? "null" : "set");
  if (shape.has_lse) {
    TESSERA_CHECK(state.lse_shape == shape.lse_shape(), "[SkipState] lse must be ",
                  shape_text(shape.lse_shape()), ", got: ", shape_text(state.lse_shape));
  }
  TESSERA_CHECK((state.pending != nullptr) == (shape.streams == 2),
                "[SkipState] pending must be set for 2 streams and for no other number, got: ",
                shape.streams);
  if (shape.streams == 2) {
    TESSERA_CHECK(state.pending_shape == shape.pending_shape(), "[SkipState] pending must be ",
                  shape_text(shape.pending_shape()), ", got: ", shape_text(state.pending_shape));
  }
}

void check_header_memory(const SkipStateView& state) {
  TESSERA_CHECK(state.bits != nullptr && state.spent != nullptr && state.header != nullptr,
                "[SkipState] bits, spent and header must be set, got: null");
  TESSERA_CHECK(state.header_size == kHeaderFields, "[SkipState] header must have ", kHeaderFields,
                " fields, got: ", state.header_size);
}

/// The bits of a row's last word that stand for tiles; all of them if the row fills it.
uint32_t last_word_mask(int64_t kv_tiles) {
  const int64_t used = kv_tiles % 32;
  return used == 0 ? ~0u : (1u << used) - 1;
}

void clear_arrays(const SkipStateView& state) {
  std::fill_n(state.spent, element_count(state.spent_shape), 0.0f);
  if (state.lse != nullptr) std::fill_n(state.lse, element_count(state.lse_shape), 0.0f);
  if (state.pending == nullptr) return;
  std::fill_n(state.pending, element_count(state.pending_shape), uint8_t{0});
}

void keep_all_tiles(const SkipStateView& state, int64_t kv_tiles) {
  const int64_t words = state.bits_shape[3];
  const int64_t rows = element_count(state.spent_shape);
  std::fill_n(state.bits, rows * words, -1);
  const auto last = std::bit_cast<int32_t>(last_word_mask(kv_tiles));
  for (int64_t row = 0; row < rows; ++row) state.bits[row * words + words - 1] = last;
}

}  // namespace

void initialize_state(const SkipStateView& state, const SkipStateShape& shape) {
  check_shape(shape);
  check_header_memory(state);
  check_arrays(state, shape);
  std::fill_n(state.header, kHeaderFields, 0);
  state.field(HeaderField::kVersion) = kSkipStateVersion;
  state.field(HeaderField::kQTile) = shape.geometry.q_tile;
  state.field(HeaderField::kKvTile) = shape.geometry.kv_tile;
  state.field(HeaderField::kTokenOrder) = shape.token_order;
  state.field(HeaderField::kQLen) = static_cast<int32_t>(shape.q_len);
  state.field(HeaderField::kKvLen) = static_cast<int32_t>(shape.kv_len);
  state.field(HeaderField::kStreams) = shape.streams;
  state.field(HeaderField::kQGroup) = shape.geometry.q_group;
  std::fill_n(state.bits, element_count(state.bits_shape), 0);
  clear_arrays(state);
}

void begin_generation(const SkipStateView& state, int32_t total_steps, Direction first) {
  const SkipStateShape shape = state_shape(state);
  check_size("total_steps", total_steps, 1, kMaxSize);
  check_size("generation", state.field(HeaderField::kGeneration), 0, kMaxSize - 1);
  check_size("direction", static_cast<int32_t>(first), 0, 1);
  keep_all_tiles(state, shape.kv_tiles());
  clear_arrays(state);
  state.field(HeaderField::kGeneration) += 1;
  state.field(HeaderField::kStep) = 0;
  state.field(HeaderField::kDirection) = static_cast<int32_t>(first);
  state.field(HeaderField::kTotalSteps) = total_steps;
  state.field(HeaderField::kStream) = 0;
}

SkipStateShape state_shape(const SkipStateView& state) {
  check_header_memory(state);
  TESSERA_CHECK(state.field(HeaderField::kVersion) == kSkipStateVersion,
                "[SkipState] format version must be ", kSkipStateVersion,
                ", got: ", state.field(HeaderField::kVersion));
  const SkipStateShape shape{
      .batch = state.bits_shape[0],
      .num_heads = state.bits_shape[1],
      .q_len = state.field(HeaderField::kQLen),
      .kv_len = state.field(HeaderField::kKvLen),
      .geometry = {state.field(HeaderField::kQTile), state.field(HeaderField::kKvTile),
                   state.field(HeaderField::kQGroup)},
      .token_order = state.field(HeaderField::kTokenOrder),
      .streams = state.field(HeaderField::kStreams),
      .has_lse = state.lse != nullptr};
  check_shape(shape);
  check_arrays(state, shape);
  check_size("generation", state.field(HeaderField::kGeneration), 0, kMaxSize);
  check_size("direction", state.field(HeaderField::kDirection), 0, 1);
  check_size("total_steps", state.field(HeaderField::kTotalSteps), 0, kMaxSize);
  check_size("step", state.field(HeaderField::kStep), 0, state.field(HeaderField::kTotalSteps));
  check_size("stream", state.field(HeaderField::kStream), 0, shape.streams - 1);
  return shape;
}

void check_state(const SkipStateView& state) {
  const SkipStateShape shape = state_shape(state);
  const int64_t words = shape.words();
  const int64_t rows = element_count(state.spent_shape);
  const uint32_t tail = ~last_word_mask(shape.kv_tiles());
  for (int64_t row = 0; row < rows; ++row) {
    const auto last = std::bit_cast<uint32_t>(state.bits[row * words + words - 1]);
    TESSERA_CHECK((last & tail) == 0,
                  "[SkipState] bits past the last tile must be zero, got: ", last,
                  " as last word of row ", row);
    TESSERA_CHECK(std::isfinite(state.spent[row]) && state.spent[row] >= 0,
                  "[SkipState] spent must be finite and >= 0, got: ", state.spent[row], " in row ",
                  row);
  }
  if (state.pending == nullptr) return;
  const std::span<const uint8_t> codes(state.pending, element_count(state.pending_shape));
  const auto wrong = std::find_if(codes.begin(), codes.end(), [](uint8_t code) {
    return kPendingZero < code && code < kPendingGap;
  });
  TESSERA_CHECK(wrong == codes.end(), "[SkipState] pending must hold codes up to ",
                int{kPendingZero}, " or ", int{kPendingGap}, ", got: ", int{*wrong});
}

int64_t kept_tiles(const SkipStateView& state) {
  int64_t count = 0;
  const int64_t words = element_count(state.bits_shape);
  for (int64_t i = 0; i < words; ++i)
    count += std::popcount(std::bit_cast<uint32_t>(state.bits[i]));
  return count;
}

SkipState::SkipState(const SkipStateShape& shape) : shape_(shape) {
  check_shape(shape);
  bits_ = AlignedBuffer<int32_t>(element_count(shape.bits_shape()));
  spent_ = AlignedBuffer<float>(element_count(shape.spent_shape()));
  if (shape.has_lse) lse_ = AlignedBuffer<float>(element_count(shape.lse_shape()));
  if (shape.streams == 2) pending_ = AlignedBuffer<uint8_t>(element_count(shape.pending_shape()));
  initialize_state(view(), shape);
}

SkipStateView SkipState::view() const {
  SkipStateView view{.bits = bits_.data(),
                     .bits_shape = shape_.bits_shape(),
                     .spent = spent_.data(),
                     .spent_shape = shape_.spent_shape(),
                     .header = header_.data(),
                     .header_size = kHeaderFields};
  if (shape_.has_lse) {
    view.lse = lse_.data();
    view.lse_shape = shape_.lse_shape();
  }
  if (shape_.streams == 2) {
    view.pending = pending_.data();
    view.pending_shape = shape_.pending_shape();
  }
  return view;
}

}  // namespace tessera::attention
