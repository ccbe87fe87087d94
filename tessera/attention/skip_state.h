// What attention remembers between denoising steps: which tiles are still worth computing.
//
// One state belongs to one layer and one stream of calls (conditional, unconditional, expert), or
// to two streams that agree on every mark: `streams` = 2. Two streams that shared a state of one
// would drop each other's tiles. The library works on views, so the arrays may be Torch tensors or
// the owning SkipState below. Layout, invariants and the life of a state: docs/attention/state.md.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>

#include "tessera/attention/tile_geometry.h"
#include "tessera/core/aligned_buffer.h"

namespace tessera {
class SafetensorsFile;
}

namespace tessera::attention {

/// Places in the int32 header. The order is the format; a change of it is a new version.
enum class HeaderField : int32_t {
  kVersion,  ///< kSkipStateVersion
  kQTile,    ///< geometry, in tokens
  kKvTile,
  kTokenOrder,  ///< the caller's name for the order in which tokens are laid out, >= 0
  kGeneration,  ///< 0 before the first begin(), then one more with each
  kStep,        ///< the next call's step, in [0, total steps]
  kDirection,   ///< the next call's: 0 ascending, 1 descending
  kTotalSteps,
  kQLen,     ///< Lq
  kKvLen,    ///< Lk
  kStreams,  ///< 1 or 2
  kStream,   ///< the next call's, in [0, streams)
  kQGroup,   ///< rows of tiles that share one load of a key tile
};
inline constexpr int64_t kHeaderFields = 13;
inline constexpr int32_t kSkipStateVersion = 2;

enum class Direction : int32_t { kAscending = 0, kDescending = 1 };

/// In which order a row of tiles is visited from step to step.
enum class DirectionMode : int32_t {
  kFixed,        ///< as the state's header says, in every step
  kAlternating,  ///< the header's direction flips after every step, dense ones included
};

/// What a state is for. All sizes >= 1 and below 2^31, their product countable; token_order >= 0.
///
/// With `streams` = 2 a step is two calls, one a stream, always in the same order. The first call
/// of a step marks nothing; it leaves in `pending` what it would let go. The second drops only
/// tiles that both can do without.
struct SkipStateShape {
  int64_t batch = 0;
  int64_t num_heads = 0;  ///< query heads
  int64_t q_len = 0;      ///< tokens
  int64_t kv_len = 0;     ///< tokens
  TileGeometry geometry = kCpuTileGeometry;
  int32_t token_order = 0;
  int32_t streams = 1;  ///< 1, or 2 that share the marks
  /// Keep each row's log-sum-exp for the next step: what MassEstimate::kRowMean needs.
  bool has_lse = false;

  int64_t q_tiles() const { return tile_count(q_len, geometry.q_tile); }
  int64_t kv_tiles() const { return tile_count(kv_len, geometry.kv_tile); }
  int64_t words() const { return tile_count(kv_tiles(), 32); }  ///< int32 words a row of tiles
  std::array<int64_t, 4> bits_shape() const { return {batch, num_heads, q_tiles(), words()}; }
  std::array<int64_t, 3> spent_shape() const { return {batch, num_heads, q_tiles()}; }
  std::array<int64_t, 4> lse_shape() const { return {streams, batch, num_heads, q_len}; }
  std::array<int64_t, 4> pending_shape() const { return {batch, num_heads, q_tiles(), kv_tiles()}; }

  friend bool operator==(const SkipStateShape&, const SkipStateShape&) = default;
};

/// The arrays of a state, contiguous, in host memory. A plain view: it owns nothing.
struct SkipStateView {
  int32_t* bits = nullptr;  ///< [B, Hq, Tq, ceil(Tk / 32)], lowest bit first, tail bits zero
  std::array<int64_t, 4> bits_shape = {};
  float* spent = nullptr;  ///< [B, Hq, Tq], what a policy with a budget has used; else zero
  std::array<int64_t, 3> spent_shape = {};
  int32_t* header = nullptr;  ///< [kHeaderFields]
  int64_t header_size = 0;
  /// [streams, B, Hq, Lq] or null: natural-log, of each stream's last call.
  float* lse = nullptr;
  std::array<int64_t, 4> lse_shape = {};
  /// [B, Hq, Tq, Tk], set iff streams = 2: what the step's first call found, see pending.h.
  uint8_t* pending = nullptr;
  std::array<int64_t, 4> pending_shape = {};

  int32_t& field(HeaderField name) const { return header[static_cast<int32_t>(name)]; }

  /// The words of one row of tiles.
  int32_t* row(int64_t batch, int64_t head, int64_t q_tile) const {
    return bits + ((batch * bits_shape[1] + head) * bits_shape[2] + q_tile) * bits_shape[3];
  }
  bool is_kept(int64_t batch, int64_t head, int64_t q_tile, int64_t kv_tile) const {
    return (static_cast<uint32_t>(row(batch, head, q_tile)[kv_tile / 32]) >> (kv_tile % 32)) & 1u;
  }
};

/// Writes the header of a new state (generation 0, all else zero) and clears the arrays. They must
/// have the sizes that `shape` says. Throws InvalidArgument otherwise.
void initialize_state(const SkipStateView& state, const SkipStateShape& shape);

/// Starts a generation afresh: all tiles kept, the rest zero, step 0, generation one more. Call it
/// before the first step of every video; a call past the last step is refused.
/// `total_steps` >= 1. Throws InvalidArgument; also for a header that breaks the format.
void begin_generation(const SkipStateView& state, int32_t total_steps,
                      Direction first = Direction::kAscending);

/// The shape that header and arrays say; throws InvalidArgument if they break the format or
/// disagree with each other. Cost: the header alone.
SkipStateShape state_shape(const SkipStateView& state);

/// Throws InvalidArgument unless every documented invariant holds, bits and spent included.
void check_state(const SkipStateView& state);

/// Tiles still kept: one population count over the bits.
int64_t kept_tiles(const SkipStateView& state);

/// Owns the arrays of one state.
class SkipState {
 public:
  /// Throws InvalidArgument for sizes outside their ranges. No call may use it before begin().
  explicit SkipState(const SkipStateShape& shape);

  void begin(int32_t total_steps, Direction first = Direction::kAscending) {
    begin_generation(view(), total_steps, first);
  }

  /// Valid as long as this object is neither moved nor destroyed.
  SkipStateView view() const;
  const SkipStateShape& shape() const { return shape_; }

  /// A safetensors file: tensors `bits`, `spent` and, where the state has them, `lse` and
  /// `pending`; the header's fields as metadata. `load` checks every invariant and throws IoError
  /// that begins with the path.
  void save(const std::filesystem::path& path) const;
  static SkipState load(const std::filesystem::path& path);
  static SkipState load(const SafetensorsFile& file);

 private:
  SkipStateShape shape_;
  // mutable: a view of a const state can be read through, and the arrays are shared by design.
  mutable AlignedBuffer<int32_t> bits_;
  mutable AlignedBuffer<float> spent_, lse_;
  mutable AlignedBuffer<uint8_t> pending_;
  mutable std::array<int32_t, kHeaderFields> header_ = {};
};

/// Writes any view's state to a file, as SkipState::save does. Throws InvalidArgument if an
/// invariant is broken, IoError on the disk.
void save_state(const SkipStateView& state, const std::filesystem::path& path);

}  // namespace tessera::attention
