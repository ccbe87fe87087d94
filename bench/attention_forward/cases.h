// One shape of attention and the candidates that compute it.
#pragma once

#include <cstdint>
#include <functional>
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

/// Which policy judges the tiles of a step. Their levels are such that no tile goes.
enum class Judge { kNone, kMaxGap, kRowMaximum, kRowMean };

/// Which tiles were dropped before: the same number in each row of tiles.
enum class Mask { kRandom, kBand };  // a band lies around the diagonal

/// A step of ours.
struct Step {
  std::string name;
  Judge judge = Judge::kMaxGap;
  double skipped = 0;  // share of each row's tiles, to the nearest tile
  Mask mask = Mask::kRandom;
};

/// A candidate that is ready to run: its inputs and, for ours, a state whose bits are set.
class Candidate {
 public:
  virtual ~Candidate() = default;
  virtual std::string name() const = 0;  // "torch" or the step's
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

std::unique_ptr<Candidate> make_our_candidate(const Inputs& inputs, const Step& step);

/// Whether a query of a head attends to a key: (head, query, key).
using KeptKeys = std::function<bool(int64_t head, int64_t q, int64_t key)>;

/// Some rows of each head against fp64 over the kept keys: the largest |out - expected| /
/// |expected| of a row, Euclidean over head_dim. The output of a row that averages many keys is
/// small (its RMS is about sqrt(e / keys) for inputs of variance 1), so nothing else would be a
/// fair measure.
double worst_error(const Inputs& inputs, const KeptKeys& is_kept, const at::Tensor& out);

/// What worst_error may be, for inputs of variance 1.
///
/// fp32, in units of u = 2^-24. Rounded scores and exponentials perturb each weight by about 20 u,
/// independently of the others: 20 u of the row, as the row itself is a sum of independent terms.
/// The sums over n keys walk at random: the numerator's partial sums grow like sqrt(i), which gives
/// u sqrt(n / 6); the denominator's grow like i, u sqrt(n / 3); together under u sqrt(n). Twice
/// their sum, as the worst of many rows is looked for.
/// bf16 adds 2^-8 of the row for the rounding of the output (a strict bound), and 2^-8 / sqrt(3)
/// for weights that are rounded to bf16 (Torch's are), independently again; both together are under
/// two such units. Neither grows with the number of keys.
///
/// Leaving out a share f of the keys moves a row by sqrt(f / (1 - f)) of itself: 0.58 for a
/// quarter, 0.06 for one tile of 16,384 tokens, where bf16 may be 0.008 off.
double error_limit(at::ScalarType dtype, int64_t tokens);

/// Runs the candidate, compares, and proves that the comparison has teeth: the same output must be
/// rejected against a mask that lacks another quarter of the tiles. Throws Error unless both hold;
/// gives the error.
double check_answer(const Inputs& inputs, Candidate& candidate);

}  // namespace tessera::bench
