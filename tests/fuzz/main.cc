// Drives one target without libFuzzer: `fuzz_X [runs] [first seed]`, each run on random bytes that
// depend on its seed alone.
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "tessera/core/random.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  const int64_t runs = argc > 1 ? std::atoll(argv[1]) : 2000;
  const int64_t first = argc > 2 ? std::atoll(argv[2]) : 1;
  for (int64_t seed = first; seed < first + runs; ++seed) {
    tessera::Random random(seed);
    std::vector<uint8_t> bytes(random.below(4096));
    for (auto& byte : bytes) byte = static_cast<uint8_t>(random.next());
    // A run that fails ends the program; the seed that is then repeated is in this file.
    if (const char* path = std::getenv("FUZZ_SEED_FILE")) {
      if (std::FILE* file = std::fopen(path, "w")) {
        std::fprintf(file, "%lld\n", static_cast<long long>(seed));
        std::fclose(file);
      }
    }
    LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  }
  std::printf("%lld runs\n", static_cast<long long>(runs));
}
