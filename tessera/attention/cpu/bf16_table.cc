#include "tessera/attention/cpu/bf16_kernels.h"
#include "tessera/attention/cpu/kernels.h"

namespace tessera::attention::cpu {

bool bf16_is_supported() {
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512bf16");
}

const Kernels& bf16_kernels() {
  static const Kernels kernels = [] {
    Kernels table = fp32_kernels();
    table.sizes = bf16::kSizes;
    table.score_tile = bf16::score_tile;
    table.exponentiate = bf16::exponentiate;
    table.add_values = bf16::add_values;
    return table;
  }();
  return kernels;
}

}  // namespace tessera::attention::cpu
