// Attention that leaves out tiles of the score matrix which earlier steps found not to matter.
//
//   SkipState state({.batch = 1, .num_heads = 12, .q_len = n, .kv_len = n});
//   state.begin(total_steps);
//   const SkipStateView view = state.view();
//   for (each step) attention_forward({q, k, v}, {out}, {.state = &view});
//
// Forward only, and softmax(scale * q k^T) v alone: no causal mask, window, bias or dropout.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tessera/attention/mass.h"
#include "tessera/attention/max_gap.h"
#include "tessera/attention/skip_state.h"
#include "tessera/attention/tensor_view.h"
#include "tessera/attention/token_ranges.h"
#include "tessera/core/executor.h"

namespace tessera::attention {

inline constexpr int64_t kMaxHeadDim = 256;

/// Shapes: q [B, Lq, Hq, D], k and v [B, Lk, Hkv, D]; one dtype, fp32, fp16 or bf16; D contiguous,
/// the other strides free. All sizes >= 1, D <= kMaxHeadDim, Hq a multiple of Hkv: query head h
/// reads key head h / (Hq / Hkv).
struct AttentionProblem {
  TensorView q, k, v;
  std::span<const int64_t> kv_lengths = {};  ///< [B], keys in use, each in [0, Lk]; empty: all Lk
  std::optional<double> scale = {};  ///< in [1e-30, 1e30]; multiplies q k^T; 1 / sqrt(D) if empty
};

/// The caller's memory. `out` [B, Lq, Hq, D] of q's dtype, D contiguous, must not overlap the
/// inputs. `lse` [B, Hq, Lq] contiguous or null: natural log of the sum of exp(scale * score) over
/// the visited keys. A row that visits nothing has out 0 and lse -inf.
struct AttentionOutputs {
  MutableTensorView out;
  float* lse = nullptr;
  /// [B, Hq, Lq] or null: largest unscaled score q k of the row, the carried one included; -inf for
  /// a row that saw nothing, NaN for one with a NaN.
  float* row_max = nullptr;
  /// [B, Hq, Tq, Tk] or null: what the policy `mass` found each visited tile to hold (mass.h), -1
  /// for tiles that were not visited. For calibration and pictures.
  float* tile_mass = nullptr;
};

/// What earlier shards of the keys found, where keys are spread over calls or machines: so that a
/// shard judges its tiles against all keys seen so far, not its own alone. [B, Hq, Lq] or null.
struct Carried {
  const float* row_max = nullptr;  ///< max_gap: as AttentionOutputs::row_max
  /// mass: as AttentionOutputs::lse, of all earlier shards together. kRowMean takes it in place of
  /// the state's, and does not normalise: mass(j) is the mean over the rows with a finite lse.
  const float* lse = nullptr;
};

/// The default is `mass`.
using SkipPolicy = std::variant<MassPolicy, MaxGapPolicy>;

enum class StepKind : int32_t {
  kSkip,   ///< visit the kept tiles, drop those that the policy finds not needed
  kDense,  ///< visit all tiles whatever the bits say, drop none; the step still counts
};

/// What to visit. With K the state's kept tiles (all tiles in a dense step or without a state):
///
///   visited = (K or must_keep) and not must_skip
///             and the dropped tiles that this step probes, outside must_skip (mass.h)
///   next K  = K without the visited tiles that the policy dropped, in K and outside must_keep,
///             and with the probed tiles that returned
///
/// Ranges never set or clear a bit. A tile whose keys all lie past the entry's kv length holds
/// nothing: it is never visited and its bit stays. A row of tiles never loses all tiles of K that
/// it visited (only must_keep tiles outside K can make them all droppable): the heaviest stays. In
/// a shard, where sums are carried in, all may go.
struct SkipRequest {
  const SkipStateView* state = nullptr;  ///< null: every tile, nothing remembered
  StepKind step = StepKind::kSkip;
  SkipPolicy policy = MassPolicy{};
  int32_t token_order = 0;                 ///< must be the state's
  std::optional<int32_t> generation = {};  ///< if set, must be the state's
  /// The call's stream; if set, must be the one whose turn it is in the state.
  std::optional<int32_t> stream = {};
  /// For all heads and queries or for some; mapping to tiles: range_tiles().
  std::span<const TokenRange> must_keep = {}, must_skip = {};
  Carried carried = {};
};

struct RunOptions {
  Executor* executor = nullptr;   ///< null: the calling thread
  std::string_view backend = {};  ///< empty: TESSERA_ATTENTION_BACKEND, then the best that can run
};

/// Tiles of one head, or a sum of them.
struct TileCounts {
  int64_t total = 0;     ///< tiles that hold at least one key in use
  int64_t visited = 0;   ///< of these, computed in this call
  int64_t dropped = 0;   ///< of these, newly marked: not visited from the next call on
  int64_t probed = 0;    ///< dropped tiles that were visited to see what they hold now
  int64_t returned = 0;  ///< of these, kept again from the next call on
  int64_t loaded = 0;  ///< key tiles to load, once a group of q_group rows; visited if q_group = 1

  TileCounts& operator+=(const TileCounts& other);
};

/// Softmax mass that one head gave up, of this call's keys; zeros under max_gap.
struct LostMass {
  /// Largest mass that a q tile dropped in this call. Under MassEstimate::kRowMaximum no row's
  /// output would have changed by more than 2 * dropped * max |v| without those tiles.
  double dropped = 0;
  double spent = 0;  ///< largest sum over the calls so far that a q tile has dropped
  /// Mean over `rows` rows of (mass of all dropped tiles) / (mass of the kept ones), estimated from
  /// the probed tiles: recall is 1 / (1 + lost). Without probing there are no rows.
  double lost = 0;
  int64_t rows = 0;

  LostMass& operator+=(const LostMass& other);
};

struct AttentionReport {
  std::string backend;  ///< the one that ran, with its instruction set: "cpu/AVX3"
  int64_t batch = 0;
  int64_t num_heads = 0;
  std::vector<TileCounts> heads;  ///< [B, Hq]
  std::vector<LostMass> masses;   ///< [B, Hq]

  const TileCounts& head(int64_t b, int64_t h) const { return heads[b * num_heads + h]; }
  TileCounts sum() const;
  LostMass sum_of_masses() const;
};

/// Computes attention over the visited tiles, drops tiles from the state, and advances its step
/// (and direction) when all is done.
///
/// Same inputs, state and back end give the same bits, for any number of threads. NaN or infinity
/// in q spoils its own row of out and lse, in k or v the rows that visit it, as in any attention;
/// the tiles dropped by a spoilt row of tiles are unspecified, other rows are as without it, and
/// the state's invariants hold.
/// Throws InvalidArgument for arguments that break a rule above, for a state that was not begun,
/// is past its last step, or is of another shape, token order, generation or stream; Unsupported
/// for a dtype that the back end lacks or a back end that does not exist. Nothing is written then.
/// What the executor throws is passed on; outputs and marks are then unspecified, and the state
/// must begin a new generation.
AttentionReport attention_forward(const AttentionProblem& problem, const AttentionOutputs& outputs,
                                  const SkipRequest& skip = {}, const RunOptions& run = {});

/// Names that RunOptions::backend and TESSERA_ATTENTION_BACKEND accept on this machine, best first.
std::vector<std::string> backend_names();

}  // namespace tessera::attention
