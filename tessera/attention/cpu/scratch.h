// Private: the memory of one call of the CPU back end. Plain buffers, independent of the
// instruction set; what lies in them is said by the code of each target.
#pragma once

#include <cstdint>

#include "tessera/attention/forward_plan.h"
#include "tessera/core/aligned_buffer.h"

namespace tessera::attention::cpu {

/// What the block sizes make of one problem. All in elements.
struct Layout {
  int64_t q_rows = 0;       // rows of a q tile, padded to the register block and the vector
  int64_t block_rows = 0;   // rows that go through scores, softmax and product together
  int64_t kv_columns = 0;   // columns of a kv tile, padded to the vector
  int64_t out_columns = 0;  // head_dim, padded to the vector
  int64_t key_tile = 0;     // floats of one packed tile of keys
  int64_t value_tile = 0;   // floats of one packed tile of values
};

/// What one thread works in.
struct ThreadScratch {
  AlignedBuffer<float> q;          // [q_rows, D]
  AlignedBuffer<float> scores;     // [block_rows, kv_columns], then the weights in place
  AlignedBuffer<float> out;        // [q_rows, out_columns], not yet divided by the sum
  AlignedBuffer<float> row_max;    // [q_rows], of unscaled scores
  AlignedBuffer<float> row_shift;  // [q_rows], row_max in the exponent's units
  AlignedBuffer<float> row_sum;    // [q_rows, lanes], each lane's share of the sum
  AlignedBuffer<float> tile_max;   // [block_rows]
  AlignedBuffer<float> rescale;    // [block_rows]
  VisitedTiles visited;
  RowVerdict verdict;
};

}  // namespace tessera::attention::cpu
