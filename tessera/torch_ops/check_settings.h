// Private: settings judged before there is a call, as an operator.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace tessera::torch_ops {

inline constexpr char kCheckSettingsSchema[] =
    "check_settings(*, str policy='mass', float? level=None, str growth='linear', "
    "str estimate='row_maximum', int probe_period=0, bool alternate_direction=True, "
    "int q_tile=64, int kv_tile=64, int token_order=0, float? scale=None) -> ()";

/// Throws what make_skip_state and attention_forward would throw for these arguments.
void check_settings(std::string_view policy, std::optional<double> level, std::string_view growth,
                    std::string_view estimate, int64_t probe_period, bool alternate_direction,
                    int64_t q_tile, int64_t kv_tile, int64_t token_order,
                    std::optional<double> scale);

}  // namespace tessera::torch_ops
