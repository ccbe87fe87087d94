#include "tessera/attention/calibration.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string_view>

#include "tessera/attention/c/policies.h"

struct tessera_calibration_recorder {
  tessera::attention::CalibrationRecorder recorder;
};
struct tessera_calibration {
  tessera::attention::Calibration calibration;
};

namespace {

using namespace tessera::attention;
using c::check_set;
using c::check_struct;
using c::guarded;

static_assert(TESSERA_CALIBRATION_KNOTS == Calibration::kKnots);

constexpr int64_t kMostSteps = std::numeric_limits<int32_t>::max();

/// A number in [begin, end).
void check_in(int64_t value, int64_t begin, int64_t end, const char* function, const char* name) {
  TESSERA_CHECK(begin <= value && value < end, "[", function, "] ", name, " must be in [", begin,
                ", ", end, "), got: ", value);
}

/// A key's text, such as the file can hold it.
std::string text_of(const char* text, const char* function, const char* name) {
  check_set(text, function, name);
  const std::string_view view = text;
  TESSERA_CHECK(std::all_of(view.begin(), view.end(), [](char c) { return ' ' <= c && c <= '~'; }),
                "[", function, "] ", name, " must be printable ASCII, got: ", view);
  return text;
}

CalibrationKey key_of(const tessera_calibration_key* key, const char* function) {
  check_struct(key, function, "key");
  return {.model = text_of(key->model, function, "key->model"),
          .q_tile = key->q_tile,
          .kv_tile = key->kv_tile,
          .token_order = text_of(key->token_order, function, "key->token_order"),
          .estimate = c::estimate_of(key->estimate, function)};
}

/// Elements of a shape that memory can hold.
size_t elements_of(const int64_t* shape, const char* function) {
  constexpr int64_t kMost = int64_t{1} << 48;
  int64_t elements = 1;
  for (int i = 0; i < 4; ++i) {
    TESSERA_CHECK(1 <= shape[i] && shape[i] <= kMost / elements, "[", function,
                  "] shape must be of at least 1 each and 2^48 together, got: ", shape[0], ", ",
                  shape[1], ", ", shape[2], ", ", shape[3]);
    elements *= shape[i];
  }
  return static_cast<size_t>(elements);
}

}  // namespace

tessera_status tessera_calibration_recorder_create(int64_t layers, int64_t heads,
                                                   int64_t total_steps,
                                                   tessera_calibration_recorder** recorder) {
  constexpr const char* kName = "tessera_calibration_recorder_create";
  return guarded([&] {
    check_set(recorder, kName, "recorder");
    *recorder = nullptr;
    check_in(layers, 1, 1001, kName, "layers");  // what a file may have
    check_in(heads, 1, 1001, kName, "heads");
    check_in(total_steps, 1, kMostSteps + 1, kName, "total_steps");
    *recorder = new tessera_calibration_recorder{CalibrationRecorder(layers, heads, total_steps)};
  });
}

void tessera_calibration_recorder_destroy(tessera_calibration_recorder* recorder) {
  delete recorder;
}

tessera_status tessera_calibration_recorder_add(tessera_calibration_recorder* recorder,
                                                int64_t layer, int64_t step, const float* tile_mass,
                                                const int64_t shape[4], int64_t stream) {
  constexpr const char* kName = "tessera_calibration_recorder_add";
  return guarded([&] {
    check_set(recorder, kName, "recorder");
    check_set(tile_mass, kName, "tile_mass");
    check_set(shape, kName, "shape");
    recorder->recorder.add(layer, step, {tile_mass, elements_of(shape, kName)},
                           {shape[0], shape[1], shape[2], shape[3]}, stream);
  });
}

tessera_status tessera_calibration_recorder_solve(const tessera_calibration_recorder* recorder,
                                                  double target_sparsity,
                                                  const tessera_calibration_key* key,
                                                  tessera_calibration** calibration) {
  constexpr const char* kName = "tessera_calibration_recorder_solve";
  return guarded([&] {
    check_set(calibration, kName, "calibration");
    *calibration = nullptr;
    check_set(recorder, kName, "recorder");
    *calibration =
        new tessera_calibration{recorder->recorder.solve(target_sparsity, key_of(key, kName))};
  });
}

tessera_status tessera_calibration_load(const char* path, tessera_calibration** calibration) {
  constexpr const char* kName = "tessera_calibration_load";
  return guarded([&] {
    check_set(calibration, kName, "calibration");
    *calibration = nullptr;
    check_set(path, kName, "path");
    *calibration = new tessera_calibration{Calibration::load(path)};
  });
}

void tessera_calibration_destroy(tessera_calibration* calibration) { delete calibration; }

tessera_status tessera_calibration_save(const tessera_calibration* calibration, const char* path) {
  constexpr const char* kName = "tessera_calibration_save";
  return guarded([&] {
    check_set(calibration, kName, "calibration");
    check_set(path, kName, "path");
    calibration->calibration.save(path);
  });
}

tessera_status tessera_calibration_get_key(const tessera_calibration* calibration,
                                           tessera_calibration_key* key) {
  constexpr const char* kName = "tessera_calibration_get_key";
  return guarded([&] {
    check_set(calibration, kName, "calibration");
    check_struct(key, kName, "key");
    const CalibrationKey& found = calibration->calibration.key;
    *key = {.struct_size = sizeof(*key),
            .model = found.model.c_str(),
            .q_tile = found.q_tile,
            .kv_tile = found.kv_tile,
            .token_order = found.token_order.c_str(),
            .estimate = static_cast<int32_t>(found.estimate)};
  });
}

tessera_status tessera_calibration_get_info(const tessera_calibration* calibration,
                                            tessera_calibration_info* info) {
  constexpr const char* kName = "tessera_calibration_get_info";
  return guarded([&] {
    check_set(calibration, kName, "calibration");
    check_struct(info, kName, "info");
    const Calibration& found = calibration->calibration;
    *info = {.struct_size = sizeof(*info),
             .layers = found.layers,
             .heads = found.heads,
             .budget = found.budget,
             .expected_sparsity = found.expected_sparsity,
             .factors = found.factors.data()};
  });
}

tessera_status tessera_calibration_level(const tessera_calibration* calibration, int64_t layer,
                                         int64_t head, int64_t step, int64_t total_steps,
                                         double scale, float* level) {
  constexpr const char* kName = "tessera_calibration_level";
  return guarded([&] {
    check_set(calibration, kName, "calibration");
    check_set(level, kName, "level");
    const Calibration& found = calibration->calibration;
    check_in(layer, 0, found.layers, kName, "layer");
    check_in(head, 0, found.heads, kName, "head");
    check_in(total_steps, 1, kMostSteps + 1, kName, "total_steps");
    check_in(step, 0, total_steps, kName, "step");
    TESSERA_CHECK(std::isfinite(scale) && scale >= 0, "[", kName,
                  "] scale must be finite and >= 0, got: ", scale);
    *level = found.level(layer, head, step, total_steps, scale);
  });
}
