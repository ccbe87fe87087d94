// Private: the inner loops of the CPU back ends as a table. The schedule (forward.cc) is one; the
// loops differ by instruction set (kernels.cc) and element (bf16_kernels.cc).
//
// Packed arrays are made of words: a word is one fp32, or two bf16 that are neighbours along the
// dimension that gets summed. Query tokens lie along the vector: a vector of scores belongs to one
// key and as many queries as there are lanes, so whatever is done per query (maxima, sums, shifts,
// shares) needs no step across lanes. docs/attention/cpu.md has the reasons.
#pragma once

#include <cstdint>

#include "tessera/attention/cpu/row_block.h"
#include "tessera/attention/tensor_view.h"

namespace tessera::attention::cpu {

/// `count` tokens of one head from `first`.
struct TokenRun {
  const TensorView& view;
  int64_t batch = 0, head = 0, first = 0, count = 0;
};

struct Kernels {
  BlockSizes sizes = {};

  /// Queries as [panels of query_panel rows][depth][panel]; `rows` is count, padded with zeros.
  void (*pack_queries)(const TokenRun& run, const Layout& layout, int64_t rows, float* to);
  /// Keys as [groups of key_group][depth][key_group], padded with zeros.
  void (*pack_keys)(const TokenRun& run, const Layout& layout, float* to);
  /// Values as [panels of value_panel columns][value_rows][panel]; columns past D are zero, and the
  /// second half of an odd last key is.
  void (*pack_values)(const TokenRun& run, const Layout& layout, float* to);

  /// scores[key][row] for the block's rows, and tile_max; keys from num_keys to its next multiple
  /// of key_group get scores too, but no say in tile_max.
  void (*score_tile)(const Layout& layout, const RowBlock& block, const float* keys,
                     int64_t num_keys, Ahead ahead);
  /// max_gap: does a real row need the tile? To be asked before raise_maxima.
  bool (*is_needed)(const RowBlock& block, float cut);
  /// row_max, row_shift, and the factor `rescale` for all sums so far.
  void (*raise_maxima)(const RowBlock& block, float scale_log2);
  /// Scores to weights 2^(scale_log2 * score - shift), in place, [value_rows][row]; tile_sum and
  /// row_sum.
  void (*exponentiate)(const Layout& layout, const RowBlock& block, int64_t num_keys,
                       float scale_log2);
  /// out = out * rescale + weights^T values.
  void (*add_values)(const Layout& layout, const RowBlock& block, const float* values,
                     int64_t num_keys, Ahead ahead);

  /// mass, kRowMaximum: largest tile_sum / (row_sum + carried sum) of the real rows, at least
  /// `so_far`; a NaN stays.
  float (*largest_share)(const RowBlock& block, float so_far);
  /// mass, kRowMean: sum over the real rows of tile_sum * 2^(shift - reference).
  float (*referred_sum)(const RowBlock& block);
  /// Adds the tile's sums to kept_sum or to probed_sum.
  void (*split_sum)(const RowBlock& block, bool is_probe);

  /// lse = shift / log2(e) + log(sum) in fp64, rounded; `count` a multiple of row_unit.
  void (*log_sum_exp)(const float* shift, const float* sum, int64_t count, float* lse);
  /// One row of `out`, times a factor, rounded to the dtype.
  void (*store_row)(const float* from, float factor, int64_t count, DType dtype, void* to);
};

/// For fp32, fp16 and bf16 inputs, all computed in fp32; compiled for the best instruction set that
/// this machine has.
const Kernels& fp32_kernels();

/// For bf16 inputs; only where bf16_is_supported().
const Kernels& bf16_kernels();
bool bf16_is_supported();

/// The instruction set of fp32_kernels(): "AVX3", "AVX2", ...
const char* target_name();
/// Those compiled in, as Highway's bits (HWY_AVX2, ...).
int64_t compiled_targets();

}  // namespace tessera::attention::cpu
