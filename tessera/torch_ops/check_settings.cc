#include "tessera/torch_ops/check_settings.h"

#include "tessera/torch_ops/arguments.h"

namespace tessera::torch_ops {

// Attention over one token judges them, so that no rule stands twice. No tensors: it must work
// where tensors have no memory, as in torch.compile.
void check_settings(std::string_view policy, std::optional<double> level, std::string_view growth,
                    std::string_view estimate, int64_t probe_period, bool alternate_direction,
                    int64_t q_tile, int64_t kv_tile, int64_t token_order,
                    std::optional<double> scale) {
  constexpr const char* kFunction = "check_settings";
  const auto tile = [&](int64_t size, const char* name) {
    return narrowed(size, kFunction, name, 1, attention::kMaxTileSize);
  };
  const int32_t order = narrowed(token_order, kFunction, "token_order", 0);
  attention::SkipState state({.batch = 1,
                              .num_heads = 1,
                              .q_len = 1,
                              .kv_len = 1,
                              .geometry = {tile(q_tile, "q_tile"), tile(kv_tile, "kv_tile")},
                              .token_order = order,
                              .has_lse = true});
  state.begin(1);
  const attention::SkipStateView view = state.view();
  const float one = 1;
  float out = 0;
  const attention::TensorView token{&one, DType::kFloat32, {1, 1, 1, 1}, {1, 1, 1, 1}};
  const attention::SkipRequest skip{.state = &view,
                                    .policy = policy_of({.policy = policy,
                                                         .growth = growth,
                                                         .estimate = estimate,
                                                         .level = level,
                                                         .probe_period = probe_period,
                                                         .alternates = alternate_direction}),
                                    .token_order = order};
  attention::attention_forward({.q = token, .k = token, .v = token, .scale = scale},
                               {.out = {&out, DType::kFloat32, {1, 1, 1, 1}, {1, 1, 1, 1}}}, skip);
}

}  // namespace tessera::torch_ops
