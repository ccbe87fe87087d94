#include "bench/attention_forward/peaks.h"

#include <cstdint>
#include <vector>

#include "tessera/torch_ops/torch_executor.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace tessera::bench {
namespace {

// More chains than latency times units, fewer than registers.
constexpr int kChains = 12;

/// A loop of `steps` steps; gives what it computed, so that it cannot be left out.
using Loop = float (*)(int64_t steps);

#if defined(__x86_64__)

// The empty assembly keeps the compiler from looking past a step.
#define TESSERA_PEAK_LOOP(Vector, zero, step)                                  \
  Vector sums[kChains];                                                        \
  for (Vector & sum : sums) sum = zero;                                        \
  for (int64_t i = 0; i < steps; ++i) {                                        \
    _Pragma("GCC unroll 12") for (int c = 0; c < kChains; ++c) sums[c] = step; \
    __asm__ volatile("");                                                      \
  }                                                                            \
  float total = 0;                                                             \
  for (const Vector& sum : sums) total += sum[0];                              \
  return total;

__attribute__((target("avx512f"))) float multiply_add_512(int64_t steps) {
  const __m512 a = _mm512_set1_ps(0.5f);
  TESSERA_PEAK_LOOP(__m512, a, _mm512_fmadd_ps(sums[c], a, a))
}

__attribute__((target("avx512f,avx512bf16"))) float dot_product_512(int64_t steps) {
  const auto a = reinterpret_cast<__m512bh>(_mm512_set1_ps(0.0f));
  const __m512 zero = _mm512_setzero_ps();
  TESSERA_PEAK_LOOP(__m512, zero, _mm512_dpbf16_ps(sums[c], a, a))
}

__attribute__((target("avx2,fma"))) float multiply_add_256(int64_t steps) {
  const __m256 a = _mm256_set1_ps(0.5f);
  TESSERA_PEAK_LOOP(__m256, a, _mm256_fmadd_ps(sums[c], a, a))
}

#undef TESSERA_PEAK_LOOP
#endif

double gflops(Loop loop, double flop_per_step, Clock clock) {
  constexpr int64_t kSteps = 6'000'000;
  Executor& executor = torch_ops::torch_executor();
  const int threads = executor.num_threads();
  std::vector<float> results(threads);
  const double start = now(clock);
  executor.parallel_for(threads, [&](int64_t index, int) { results[index] = loop(kSteps); });
  return flop_per_step * kSteps * threads / (now(clock) - start) * 1e-9;
}

}  // namespace

double fp32_peak([[maybe_unused]] Clock clock) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return gflops(multiply_add_512, kChains * 32, clock);
  if (__builtin_cpu_supports("fma")) return gflops(multiply_add_256, kChains * 16, clock);
#endif
  return 0;
}

double bf16_peak([[maybe_unused]] Clock clock) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512bf16")) return gflops(dot_product_512, kChains * 64, clock);
#endif
  return 0;
}

}  // namespace tessera::bench
