// State files: whatever the bytes are, a state that keeps all invariants or an IoError comes out.
#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iterator>
#include <vector>

#include "tessera/attention/skip_state.h"
#include "tessera/core/error.h"
#include "tessera/core/safetensors.h"
#include "tessera/testing/temporary_folder.h"

#include "tests/fuzz/bytes.h"

namespace {

using namespace tessera;

/// A good file with all four arrays.
std::vector<std::byte> good_file() {
  const tessera::testing::TemporaryFolder folder;
  attention::SkipState state({.batch = 1,
                              .num_heads = 2,
                              .q_len = 9,
                              .kv_len = 70,
                              .geometry = {4, 2, 2},
                              .streams = 2,
                              .has_lse = true});
  state.begin(3);
  state.save(folder / "good");
  std::ifstream file(folder / "good", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto* bytes = reinterpret_cast<const std::byte*>(text.data());
  return {bytes, bytes + text.size()};
}

void load(std::span<const std::byte> bytes) {
  try {
    const SafetensorsFile file(bytes, "fuzz");
    const attention::SkipState state = attention::SkipState::load(file);
    attention::check_state(state.view());
    fuzz::require(attention::state_shape(state.view()) == state.shape(), "shape as stored");
  } catch (const IoError&) {
  }
}

/// Header digits are the likeliest place of a lie that parses.
void damage(fuzz::Bytes& input, std::vector<std::byte>& bytes) {
  const size_t place = static_cast<uint32_t>(input.word()) % bytes.size();
  switch (input.byte() % 4) {
    case 0:
      bytes[place] = std::byte(input.byte());
      return;
    case 1:
      bytes.erase(bytes.begin() + place);
      return;
    case 2:
      bytes.insert(bytes.begin() + place, std::byte('0' + input.byte() % 10));
      return;
    default: {
      const auto digit = [](std::byte b) { return b >= std::byte('0') && b <= std::byte('9'); };
      const auto found = std::find_if(bytes.begin() + place, bytes.end(), digit);
      if (found != bytes.end()) *found = std::byte('0' + input.byte() % 10);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<std::byte> good = good_file();
  fuzz::Bytes input(data, size);
  if (input.one_in(4)) {
    load(std::as_bytes(std::span(data, size)));
    return 0;
  }
  std::vector<std::byte> bytes = good;
  for (int64_t n = input.between(0, 6); n > 0 && !bytes.empty(); --n) damage(input, bytes);
  load(bytes);
  return 0;
}
