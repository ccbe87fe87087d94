// One attention call in full, and what came of it.
#pragma once

#include <string>
#include <vector>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/problem.h"

#include "tests/fuzz/call_sequence.h"

namespace tessera::fuzz {

/// Everything that a call writes but the state. New, all bytes are kUntouched.
struct Result {
  static constexpr int kUntouched = 0x5a;

  DType dtype = DType::kFloat32;
  std::array<int64_t, 4> shape = {}, strides = {};
  std::vector<uint8_t> out;
  std::vector<float> lse, row_max, tile_mass;
  attention::AttentionReport report = {};

  float at(int64_t b, int64_t token, int64_t head, int64_t d) const;
  /// Nothing was written between the heads of `out`.
  bool has_clean_gaps() const;
};

/// The arrays are the same, bit for bit.
bool same_arrays(const Result& a, const Result& b);

enum class Outcome { kDone, kRefused, kUnsupported };

struct Call {
  attention::testing::Problem problem;
  Policy policy;
  std::vector<attention::TokenRange> keep, skip;
  std::vector<float> carried_max, carried_lse;
  attention::SkipRequest request;  // without a state
  bool is_mass = false, wants_tile_mass = false;
  bool has_heads_first_out = false;
  int64_t out_gap = 0;

  Call(Bytes& input, const Sizes& sizes, const attention::SkipStateView& state);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool is_shard() const { return !carried_max.empty() || !carried_lse.empty(); }
  bool is_exact() const;  ///< scores of tame tokens are
  Result blank(const attention::SkipStateShape& shape) const;
  Outcome run(const attention::SkipStateView& state, const std::string& backend,
              Result& result) const;

 private:
  void spoil_argument(Bytes& input);
};

}  // namespace tessera::fuzz
