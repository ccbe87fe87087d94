#include "bench/attention_forward/cases.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::bench {
namespace {

class TorchCandidate final : public Candidate {
 public:
  explicit TorchCandidate(const Inputs& inputs)
      : q_(inputs.q.transpose(1, 2)), k_(inputs.k.transpose(1, 2)), v_(inputs.v.transpose(1, 2)) {}
  std::string name() const override { return "torch"; }
  double skipped() const override { return 0; }
  at::Tensor run() override { return at::scaled_dot_product_attention(q_, k_, v_).transpose(1, 2); }
  bool is_kept(int64_t, int64_t, int64_t) const override { return true; }

 private:
  at::Tensor q_, k_, v_;  // [1, H, L, D], strided views
};

/// Levels at which nothing goes.
attention::SkipPolicy policy_of(Judge judge) {
  if (judge == Judge::kRowMaximum) return attention::MassPolicy{.budget = 0};
  if (judge == Judge::kRowMean) {
    return attention::MassPolicy{.budget = 0, .estimate = attention::MassEstimate::kRowMean};
  }
  return attention::MaxGapPolicy{.threshold = -1e30f};
}

class OurCandidate final : public Candidate {
 public:
  OurCandidate(const Inputs& inputs, const Step& step) : inputs_(inputs), step_(step) {
    attention::SkipStateShape shape;
    shape.batch = 1;
    shape.num_heads = inputs.q.size(2);
    shape.q_len = inputs.q.size(1);
    shape.kv_len = inputs.k.size(1);
    shape.has_lse = step.judge == Judge::kRowMean;
    state_ = torch_ops::make_skip_state(shape);
    torch_ops::begin_generation(state_, 1'000'000);
    geometry_ = shape.geometry;
    drop_tiles(shape);
    const auto view = torch_ops::view_of(state_);
    const double all = static_cast<double>(shape.num_heads * shape.q_tiles() * shape.kv_tiles());
    skipped_ = 1 - static_cast<double>(attention::kept_tiles(view)) / all;
    call_.policy = policy_of(step.judge);
    call_.is_dense_step = step.judge == Judge::kNone;
  }
  std::string name() const override { return step_.name; }
  double skipped() const override { return skipped_; }
  at::Tensor run() override {
    return torch_ops::attention_forward(inputs_.q, inputs_.k, inputs_.v, &state_, call_).out;
  }
  bool is_kept(int64_t head, int64_t q, int64_t key) const override {
    return torch_ops::view_of(state_).is_kept(0, head, q / geometry_.q_tile,
                                              key / geometry_.kv_tile);
  }

 private:
  void drop_tiles(const attention::SkipStateShape& shape) {
    Random random(11);
    const auto view = torch_ops::view_of(state_);
    const int64_t tiles = shape.kv_tiles();
    const auto dropped =
        static_cast<int64_t>(std::llround(step_.skipped * static_cast<double>(tiles)));
    std::vector<int64_t> order(tiles);
    for (int64_t head = 0; head < shape.num_heads; ++head) {
      for (int64_t q_tile = 0; q_tile < shape.q_tiles(); ++q_tile) {
        // In order of dropping: at random, or what starts behind the band and wraps around.
        const int64_t kept = tiles - dropped;
        const int64_t first = std::clamp<int64_t>(q_tile - kept / 2, 0, dropped) + kept;
        for (int64_t i = 0; i < tiles; ++i) order[i] = (first + i) % tiles;
        for (int64_t i = 0; i < dropped; ++i) {
          if (step_.mask == Mask::kRandom) std::swap(order[i], order[i + random.below(tiles - i)]);
          view.row(0, head, q_tile)[order[i] / 32] &= ~static_cast<int32_t>(1u << (order[i] % 32));
        }
      }
    }
  }

  Inputs inputs_;
  Step step_;
  torch_ops::SkipStateTensors state_;
  attention::TileGeometry geometry_;
  double skipped_ = 0;
  torch_ops::AttentionCall call_;
};

/// A quarter of all tiles of the default size, at random.
bool is_in_a_quarter(int64_t head, int64_t q, int64_t key) {
  const auto& tile = attention::kCpuTileGeometry;
  const auto seed = (head << 40) + (q / tile.q_tile << 20) + key / tile.kv_tile;
  return Random(static_cast<uint64_t>(seed)).below(4) == 0;
}

}  // namespace

Inputs make_inputs(const Shape& shape, uint64_t seed) {
  at::manual_seed(seed);
  const auto draw = [&] {
    return at::randn({1, shape.tokens, shape.num_heads, shape.head_dim}, at::kFloat)
        .to(shape.dtype);
  };
  return {draw(), draw(), draw()};
}

std::unique_ptr<Candidate> make_torch_candidate(const Inputs& inputs) {
  return std::make_unique<TorchCandidate>(inputs);
}

std::unique_ptr<Candidate> make_our_candidate(const Inputs& inputs, const Step& step) {
  return std::make_unique<OurCandidate>(inputs, step);
}

double worst_error(const Inputs& inputs, const KeptKeys& is_kept, const at::Tensor& out) {
  const int64_t tokens = inputs.q.size(1), heads = inputs.q.size(2);
  const double scale = 1 / std::sqrt(static_cast<double>(inputs.q.size(3)));
  Random random(7);
  double worst = 0;
  for (int64_t head = 0; head < heads; ++head) {
    const auto keys = inputs.k.select(2, head).select(0, 0).to(at::kDouble);    // [L, D]
    const auto values = inputs.v.select(2, head).select(0, 0).to(at::kDouble);  // [L, D]
    for (int sample = 0; sample < 8; ++sample) {
      // The last row is always among them: it lies in the ragged tile, where there is one.
      const int64_t row = sample == 0 ? tokens - 1 : random.below(tokens);
      at::Tensor scores =
          at::mv(keys, inputs.q.select(0, 0).select(0, row).select(0, head).to(at::kDouble)) *
          scale;
      double* score = scores.mutable_data_ptr<double>();
      for (int64_t key = 0; key < tokens; ++key) {
        if (!is_kept(head, row, key)) score[key] = -INFINITY;
      }
      const auto expected = at::mv(values.t(), at::softmax(scores, 0));
      const auto got = out.select(0, 0).select(0, row).select(0, head).to(at::kDouble);
      const auto error = ((got - expected).norm() / expected.norm()).item<double>();
      // A NaN must not pass: std::max would drop it.
      if (!(error <= worst)) worst = error;
      if (std::isnan(worst)) return worst;
    }
  }
  return worst;
}

double error_limit(at::ScalarType dtype, int64_t tokens) {
  const double fp32 = 2 * 0x1p-24 * (20 + std::sqrt(static_cast<double>(tokens)));
  return dtype == at::kFloat ? fp32 : fp32 + 2 * 0x1p-8;
}

double check_answer(const Inputs& inputs, Candidate& candidate) {
  const int64_t tokens = inputs.q.size(1);
  const double limit = error_limit(inputs.q.scalar_type(), tokens);
  const at::Tensor out = candidate.run();
  const std::string who =
      concat("[bench] ", candidate.name(), " at ", tokens, " tokens, head_dim ", inputs.q.size(3),
             ", ", c10::toString(inputs.q.scalar_type()), ", ", candidate.skipped(), " skipped: ");

  const KeptKeys kept = [&](int64_t head, int64_t q, int64_t key) {
    return candidate.is_kept(head, q, key);
  };
  const double error = worst_error(inputs, kept, out);
  if (!(error <= limit)) throw Error(concat(who, "error ", error, " is over ", limit));

  const KeptKeys fewer = [&](int64_t head, int64_t q, int64_t key) {
    return kept(head, q, key) && !is_in_a_quarter(head, q, key);
  };
  const double false_error = worst_error(inputs, fewer, out);
  if (false_error <= limit) {
    throw Error(concat(who, "the comparison has no teeth: a mask with a quarter of the tiles less ",
                       "gives error ", false_error, ", not over ", limit));
  }
  return error;
}

}  // namespace tessera::bench
