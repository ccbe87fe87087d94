// A few denoising-like steps of one attention layer: the tokens drift a little from step to step,
// and tiles that stopped to matter are left out.
#include <array>
#include <cstdio>
#include <random>
#include <vector>

#include <tessera/attention/attention.h>
#include <tessera/core/error.h>

namespace ta = tessera::attention;

constexpr int64_t kTokens = 1024, kHeads = 4, kHeadDim = 64;
constexpr int kSteps = 6;
constexpr std::array<int64_t, 4> kShape = {1, kTokens, kHeads, kHeadDim};

// Tokens of 8 groups: a group's tokens look at each other, as neighbours in a film do.
std::vector<float> make_tokens(unsigned seed, float group_strength) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> tokens(kTokens * kHeads * kHeadDim);
  for (int64_t i = 0; i < static_cast<int64_t>(tokens.size()); ++i) {
    const int64_t group = i / (kHeads * kHeadDim) * 8 / kTokens;
    tokens[i] = normal(random) + (i % kHeadDim % 8 == group ? group_strength : 0.0f);
  }
  return tokens;
}

ta::TensorView view_of(const std::vector<float>& data) {
  return {data.data(), tessera::DType::kFloat32, kShape, ta::contiguous_strides(kShape)};
}

int main() try {
  std::vector<float> q = make_tokens(1, 4), k = make_tokens(2, 4), v = make_tokens(3, 0);
  std::vector<float> out(q.size());
  const ta::MutableTensorView out_view{out.data(), tessera::DType::kFloat32, kShape,
                                       ta::contiguous_strides(kShape)};

  // One state a layer and stream; begin() before every film.
  ta::SkipState state({.batch = 1, .num_heads = kHeads, .q_len = kTokens, .kv_len = kTokens});
  state.begin(kSteps);
  const ta::SkipStateView view = state.view();
  const auto pool = tessera::make_thread_pool(2);

  for (int step = 0; step < kSteps; ++step) {
    const ta::AttentionReport report =
        ta::attention_forward({.q = view_of(q), .k = view_of(k), .v = view_of(v)},
                              {.out = out_view}, {.state = &view}, {.executor = pool.get()});
    const ta::TileCounts tiles = report.sum();
    std::printf("step %d on %s: computed %lld of %lld tiles, skipped %.0f %%\n", step,
                report.backend.c_str(), static_cast<long long>(tiles.visited),
                static_cast<long long>(tiles.total),
                100.0 - 100.0 * static_cast<double>(tiles.visited) / tiles.total);
    for (size_t i = 0; i < q.size(); ++i) q[i] += 0.01f * out[i];  // what a model would do
  }
} catch (const tessera::Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
