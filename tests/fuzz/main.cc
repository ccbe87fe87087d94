// Drives one target without libFuzzer: `fuzz_X [runs] [first seed]`, each run on random bytes that
// depend on its seed alone. A run that aborts names its seed: `fuzz_X 1 SEED` repeats it.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tessera/core/random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

volatile long long current_seed = 0;

void name_seed(int signal) {
  std::fprintf(stderr, "fuzz: signal %d in the run of seed %lld\n", signal, current_seed);
  std::_Exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const long long runs = argc > 1 ? std::atoll(argv[1]) : 2000;
  const long long first = argc > 2 ? std::atoll(argv[2]) : 1;
  std::signal(SIGABRT, name_seed);
  std::signal(SIGFPE, name_seed);
  for (long long seed = first; seed < first + runs; ++seed) {
    current_seed = seed;
    tessera::Random random(seed);
    std::vector<uint8_t> bytes(random.below(4096));
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random.next());
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%lld runs\n", runs);
}
