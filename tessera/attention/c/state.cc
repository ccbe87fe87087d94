#include "tessera/attention/c/state.h"

#include <algorithm>

#include "tessera/attention/c/guard.h"

namespace {

using namespace tessera::attention;
using c::check_set;
using c::check_struct;
using c::guarded;

static_assert(TESSERA_FIELD_Q_GROUP == static_cast<int32_t>(HeaderField::kQGroup));
static_assert(TESSERA_FIELD_STREAM == static_cast<int32_t>(HeaderField::kStream));
static_assert(TESSERA_FIELD_KV_LEN == static_cast<int32_t>(HeaderField::kKvLen));
static_assert(TESSERA_FIELD_STEP == static_cast<int32_t>(HeaderField::kStep));
static_assert(TESSERA_DESCENDING == static_cast<int32_t>(Direction::kDescending));

SkipStateShape shape_from(const tessera_skip_state_shape& shape) {
  SkipStateShape made{.batch = shape.batch,
                      .num_heads = shape.num_heads,
                      .q_len = shape.q_len,
                      .kv_len = shape.kv_len,
                      .token_order = shape.token_order,
                      .streams = shape.streams,
                      .has_lse = shape.has_lse != 0};
  if (shape.q_tile != 0) made.geometry.q_tile = shape.q_tile;
  if (shape.kv_tile != 0) made.geometry.kv_tile = shape.kv_tile;
  made.geometry.q_group = shape.q_group;
  return made;
}

/// The state as checked for the call; the caller may have written to its arrays.
SkipStateView view_of(const tessera_skip_state* state, const char* function) {
  check_set(state, function, "state");
  return state->state.view();
}

}  // namespace

tessera_status tessera_skip_state_create(const tessera_skip_state_shape* shape,
                                         tessera_skip_state** state) {
  constexpr const char* kName = "tessera_skip_state_create";
  return guarded([&] {
    check_set(state, kName, "state");
    *state = nullptr;
    check_struct(shape, kName, "shape");
    *state = new tessera_skip_state{SkipState(shape_from(*shape))};
  });
}

tessera_status tessera_skip_state_load(const char* path, tessera_skip_state** state) {
  constexpr const char* kName = "tessera_skip_state_load";
  return guarded([&] {
    check_set(state, kName, "state");
    *state = nullptr;
    check_set(path, kName, "path");
    *state = new tessera_skip_state{SkipState::load(path)};
  });
}

void tessera_skip_state_destroy(tessera_skip_state* state) { delete state; }

tessera_status tessera_skip_state_begin(tessera_skip_state* state, int32_t total_steps,
                                        int32_t direction) {
  constexpr const char* kName = "tessera_skip_state_begin";
  return guarded([&] {
    begin_generation(view_of(state, kName), total_steps,
                     c::enum_of<Direction>(direction, 2, kName, "direction"));
  });
}

tessera_status tessera_skip_state_save(const tessera_skip_state* state, const char* path) {
  constexpr const char* kName = "tessera_skip_state_save";
  return guarded([&] {
    const SkipStateView view = view_of(state, kName);
    check_set(path, kName, "path");
    save_state(view, path);
  });
}

tessera_status tessera_skip_state_get_shape(const tessera_skip_state* state,
                                            tessera_skip_state_shape* shape) {
  constexpr const char* kName = "tessera_skip_state_get_shape";
  return guarded([&] {
    const SkipStateShape found = state_shape(view_of(state, kName));
    check_struct(shape, kName, "shape");
    *shape = {.struct_size = sizeof(*shape),
              .batch = found.batch,
              .num_heads = found.num_heads,
              .q_len = found.q_len,
              .kv_len = found.kv_len,
              .q_tile = found.geometry.q_tile,
              .kv_tile = found.geometry.kv_tile,
              .q_group = found.geometry.q_group,
              .token_order = found.token_order,
              .streams = found.streams,
              .has_lse = found.has_lse};
  });
}

tessera_status tessera_skip_state_get_field(const tessera_skip_state* state, int32_t field,
                                            int32_t* value) {
  constexpr const char* kName = "tessera_skip_state_get_field";
  return guarded([&] {
    const SkipStateView view = view_of(state, kName);
    check_set(value, kName, "value");
    *value = view.field(c::enum_of<HeaderField>(field, kHeaderFields, kName, "field"));
  });
}

tessera_status tessera_skip_state_get_arrays(tessera_skip_state* state,
                                             tessera_skip_state_arrays* arrays) {
  constexpr const char* kName = "tessera_skip_state_get_arrays";
  return guarded([&] {
    const SkipStateView view = view_of(state, kName);
    check_struct(arrays, kName, "arrays");
    arrays->bits = view.bits;
    arrays->spent = view.spent;
    arrays->header = view.header;
    arrays->header_size = view.header_size;
    arrays->lse = view.lse;
    arrays->pending = view.pending;
    std::copy(view.bits_shape.begin(), view.bits_shape.end(), arrays->bits_shape);
    std::copy(view.spent_shape.begin(), view.spent_shape.end(), arrays->spent_shape);
    std::copy(view.lse_shape.begin(), view.lse_shape.end(), arrays->lse_shape);
    std::copy(view.pending_shape.begin(), view.pending_shape.end(), arrays->pending_shape);
  });
}

tessera_status tessera_skip_state_kept_tiles(const tessera_skip_state* state, int64_t* count) {
  constexpr const char* kName = "tessera_skip_state_kept_tiles";
  return guarded([&] {
    const SkipStateView view = view_of(state, kName);
    check_set(count, kName, "count");
    *count = kept_tiles(view);
  });
}

tessera_status tessera_skip_state_check(const tessera_skip_state* state) {
  return guarded([&] { check_state(view_of(state, "tessera_skip_state_check")); });
}
