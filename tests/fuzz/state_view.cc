// Damaged state views: they are refused, or they can be used.
#include <vector>

#include "tessera/attention/attention.h"
#include "tessera/core/error.h"

#include "tests/fuzz/bytes.h"

namespace {

using namespace tessera;
using namespace tessera::attention;

template <typename Shape>
int64_t count(const Shape& shape) {
  int64_t product = 1;
  for (const int64_t size : shape) product *= size;
  return product;
}

/// One call on an accepted state, as its own shape wants it.
void use(const SkipStateView& view) {
  const SkipStateShape shape = state_shape(view);
  const std::array<int64_t, 4> q = {shape.batch, shape.q_len, shape.num_heads, 2};
  const std::array<int64_t, 4> kv = {shape.batch, shape.kv_len, 1, 2};
  const std::vector<float> inputs(std::max(count(q), count(kv)), 0.5f);
  std::vector<float> out(count(q));
  const auto input = [&](const auto& size) {
    return TensorView{inputs.data(), DType::kFloat32, size, contiguous_strides(size)};
  };
  attention_forward(
      {input(q), input(kv), input(kv)}, {{out.data(), DType::kFloat32, q, contiguous_strides(q)}},
      {.state = &view, .policy = MassPolicy{.probe_period = 2}, .token_order = shape.token_order},
      {.backend = "reference"});
  check_state(view);
}

void damage(fuzz::Bytes& input, SkipStateView& view) {
  const auto spoil = [&](auto& shape) {
    shape[input.byte() % shape.size()] = input.flag() ? input.word() : input.between(0, 4);
  };
  switch (input.byte() % 10) {
    case 0:
    case 1:
    case 2:
      view.header[input.byte() % kHeaderFields] = input.between(-2, 20);
      return;
    case 3:
      view.header[input.byte() % kHeaderFields] = input.word();
      return;
    case 4:
      view.bits[input.byte() % count(view.bits_shape)] = input.word();
      return;
    case 5:
      view.spent[input.byte() % count(view.spent_shape)] = input.real(true);
      return;
    case 6:
      if (view.lse != nullptr) view.lse[input.byte() % count(view.lse_shape)] = input.real(true);
      return;
    case 7:
      if (view.pending == nullptr) return;
      view.pending[input.byte() % count(view.pending_shape)] = input.byte();
      return;
    default:
      break;
  }
  // Shapes last: the arrays no longer fit them.
  switch (input.byte() % 8) {
    case 0:
      view.header = nullptr;
      break;
    case 1:
      view.header_size = input.between(0, 20);
      break;
    case 2:
      view.pending = nullptr;
      break;
    case 3:
      view.lse = nullptr;
      break;
    case 4:
      spoil(view.bits_shape);
      break;
    case 5:
      spoil(view.spent_shape);
      break;
    case 6:
      spoil(view.lse_shape);
      break;
    default:
      spoil(view.pending_shape);
      break;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Bytes input(data, size);
  SkipState state({.batch = 1,
                   .num_heads = input.between(1, 2),
                   .q_len = input.between(1, 6),
                   .kv_len = input.between(1, 70),
                   .geometry = {static_cast<int32_t>(input.between(1, 3)),
                                static_cast<int32_t>(input.between(1, 3))},
                   .streams = static_cast<int32_t>(input.between(1, 2)),
                   .has_lse = input.flag()});
  if (input.flag()) state.begin(2);
  SkipStateView view = state.view();
  for (int64_t n = input.between(0, 3); n > 0; --n) {
    damage(input, view);
    if (view.header == nullptr || view.bits_shape != state.view().bits_shape ||
        view.spent_shape != state.view().spent_shape || view.lse_shape != state.view().lse_shape ||
        view.pending_shape != state.view().pending_shape || view.header_size != kHeaderFields) {
      break;
    }
  }
  try {
    check_state(view);
  } catch (const InvalidArgument&) {
    return 0;
  }
  const SkipStateShape shape = state_shape(view);
  fuzz::require(view.bits_shape == state.view().bits_shape, "accepted bits are the arrays' own");
  fuzz::require(count(shape.lse_shape()) == count(state.shape().lse_shape()) || view.lse == nullptr,
                "accepted lse is the array's own");
  try {
    use(view);
  } catch (const InvalidArgument&) {  // not begun, past the last step
    fuzz::require(view.field(HeaderField::kGeneration) == 0 ||
                      view.field(HeaderField::kStep) == view.field(HeaderField::kTotalSteps),
                  "an accepted state that has steps left can be used");
  }
  if (view.field(HeaderField::kGeneration) == 0x7fffffff) return 0;  // no further generation
  begin_generation(view, 1);
  check_state(view);
  fuzz::require(kept_tiles(view) == count(shape.spent_shape()) * shape.kv_tiles(), "all kept");
  use(view);
  return 0;
}
