// One shape of attention and the candidates that compute it.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/torch_ops/attention.h"

namespace tessera::bench {

struct Shape {
  at::ScalarType dtype;
  int64_t head_dim, num_heads, tokens;
};

/// A candidate that is ready to run: its inputs and, for ours, a state whose bits are set.
class Candidate {
 public:
  virtual ~Candidate() = default;
  virtual std::string name() const = 0;  // "ours" or "torch"
  virtual double skipped() const = 0;    // share of the score matrix left out
  virtual at::Tensor run() = 0;          // out [1, L, H, D]
  virtual bool is_kept(int64_t head, int64_t q, int64_t key) const = 0;
};

struct Inputs {
  at::Tensor q, k, v;  // [1, L, H, D]
};

Inputs make_inputs(const Shape& shape, uint64_t seed);

/// Torch's fused attention: everything is computed.
std::unique_ptr<Candidate> make_torch_candidate(const Inputs& inputs);

/// Ours, with a random share of the tiles of each row of tiles dropped from the state, and marking
/// at work as in a real run (the threshold is so low that nothing further goes).
std::unique_ptr<Candidate> make_our_candidate(const Inputs& inputs, double skipped, uint64_t seed);

/// Largest |out - fp64 over the kept keys| of some rows of each head, divided by max |v|.
double worst_error(const Inputs& inputs, const Candidate& candidate, const at::Tensor& out);

/// What worst_error may be. fp32: 100 roundings of the largest value. bf16: P and the output are
/// rounded to 8 bits, one each (Torch's kernel does both), so two units in the last place.
double error_limit(at::ScalarType dtype);

}  // namespace tessera::bench
