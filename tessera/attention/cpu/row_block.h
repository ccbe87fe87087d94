// Private: what the CPU kernels work on. Plain structs, and no function that files could share:
// bf16_kernels.cc, which is compiled for a processor that not every machine is, includes this.
#pragma once

#include <cstdint>

namespace tessera::attention::cpu {

/// What a set of kernels wants its arrays padded to. All powers of two but key_group.
struct BlockSizes {
  int64_t word = 1;         // elements of a word: 1 (fp32) or 2 (bf16)
  int64_t row_unit = 1;     // rows of a q tile: whole vectors
  int64_t query_panel = 1;  // rows of a panel of packed queries; the last may be narrower
  int64_t key_group = 1;    // keys of a group of packed keys
  int64_t value_unit = 1;   // columns of values and outputs: whole vectors
  int64_t value_panel = 1;  // columns of a panel of packed values; the last may be narrower
};

/// What the block sizes make of one problem.
struct Layout {
  BlockSizes sizes = {};
  int64_t head_dim = 0;     // elements
  int64_t depth = 0;        // words of a token's head, in packed queries and keys
  int64_t q_rows = 0;       // rows of a q tile, padded
  int64_t block_rows = 0;   // rows that go through scores, softmax and values together
  int64_t key_rows = 0;     // keys of a kv tile, padded
  int64_t value_rows = 0;   // words along the keys of a kv tile
  int64_t out_columns = 0;  // head_dim, padded
  int64_t key_tile = 0;     // words of one packed tile of keys
  int64_t value_tile = 0;   // words of one packed tile of values
};

/// One block of rows of a q tile. The arrays of rows reach to a multiple of row_unit.
struct RowBlock {
  int64_t rows = 0;       // padded
  int64_t real_rows = 0;  // rows past these hold zero queries and have no say in verdicts
  const float* q = nullptr;
  float* scores = nullptr;     // [key_rows, block_rows], then the weights [value_rows, block_rows]
  float* out = nullptr;        // [rows, out_columns], not yet divided by row_sum
  float* row_max = nullptr;    // largest unscaled score so far
  float* row_shift = nullptr;  // scale_log2 * row_max
  float* row_sum = nullptr;    // sum of weights so far, relative to row_shift
  float* kept_sum = nullptr;   // row_sum apart by tiles that are kept and tiles that are probed
  float* probed_sum = nullptr;
  float* tile_max = nullptr;  // of the tile at hand
  float* tile_sum = nullptr;
  float* rescale = nullptr;
  const float* carried_max = nullptr;  // largest score elsewhere, or -inf
  const float* reference = nullptr;    // log-sum-exp elsewhere, log2 units, -inf for none; or null
};

/// Cache lines to prefetch while a product runs, one for every four steps of its inner loop:
/// `lines` lines from each of `rows` places. Column by column, so that the step is always `stride`
/// bytes.
struct Ahead {
  const char* at = nullptr;
  int64_t stride = 0;
  int64_t rows = 0;
  int64_t lines = 0;
  int64_t row = 0;
};

/// Where one product's lines lie.
struct Lines {
  const char* at;
  int64_t stride;
};

/// The lines that one block of `steps` steps prefetches; when none is left, `instead`, which is in
/// the cache anyway. Static: each file has its own copy, compiled for its own processor.
static inline Lines next_lines(Ahead& ahead, int64_t steps, const float* instead) {
  if (ahead.lines == 0) return {reinterpret_cast<const char*>(instead), 0};
  const Lines lines{ahead.at + ahead.row * ahead.stride, ahead.stride};
  ahead.row += steps / 4;
  if (ahead.row >= ahead.rows) {
    ahead.row = 0;
    ahead.at += 64;
    --ahead.lines;
  }
  return lines;
}

}  // namespace tessera::attention::cpu
