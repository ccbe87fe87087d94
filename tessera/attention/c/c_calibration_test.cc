// The C interface's calibration against CalibrationRecorder, bit for bit, and what it refuses.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tessera/attention/c/tessera_attention.h"
#include "tessera/attention/calibration.h"
#include "tessera/attention/testing/c_call.h"
#include "tessera/attention/testing/marks.h"
#include "tessera/attention/testing/problem.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::attention::testing {
namespace {

constexpr int64_t kLayers = 2, kSteps = 8;
const ProblemSpec kSpec{.q_len = 60, .kv_len = 150, .num_heads = 2, .num_kv_heads = 2};

/// Two recorders that saw the same dense film, whose masses came out of the C interface.
class CCalibration : public ::testing::Test {
 protected:
  CCalibration() {
    EXPECT_EQ(tessera_calibration_recorder_create(kLayers, kSpec.num_heads, kSteps, &c_recorder_),
              TESSERA_OK)
        << tessera_last_error();
    key_.model = "abc";
    key_.q_tile = key_.kv_tile = 16;
    key_.token_order = "hilbert";
    key_.estimate = TESSERA_ROW_MEAN;
  }
  ~CCalibration() override {
    tessera_calibration_recorder_destroy(c_recorder_);
    tessera_calibration_destroy(c_solved_);
  }

  void record() {
    for (int64_t i = 0; i < kLayers * kSteps; ++i) {
      const CState state(kSpec, kSteps);
      const Problem problem = make_problem(kSpec, 0.1 * static_cast<double>(i));
      CCall call(problem);
      std::vector<float> masses(2 * 4 * 10);
      call.skip.state = state;
      call.skip.step_kind = TESSERA_DENSE_STEP;
      call.outputs.tile_mass = masses.data();
      ASSERT_EQ(call(), TESSERA_OK) << tessera_last_error();
      recorder_.add(i % kLayers, i / kLayers, masses, {1, 2, 4, 10});
      ASSERT_EQ(tessera_calibration_recorder_add(c_recorder_, i % kLayers, i / kLayers,
                                                 masses.data(), shape_, 0),
                TESSERA_OK)
          << tessera_last_error();
    }
  }

  void record_and_solve() {
    record();
    solved_ = recorder_.solve(0.3, cpp_key_);
    ASSERT_EQ(tessera_calibration_recorder_solve(c_recorder_, 0.3, &key_, &c_solved_), TESSERA_OK)
        << tessera_last_error();
  }

  /// The text of a solution refused.
  std::string refusal(double target) {
    EXPECT_EQ(tessera_calibration_recorder_solve(c_recorder_, target, &key_, &c_solved_),
              TESSERA_INVALID_ARGUMENT);
    EXPECT_EQ(c_solved_, nullptr);
    return tessera_last_error();
  }

  const int64_t shape_[4] = {1, 2, 4, 10};
  const CalibrationKey cpp_key_{.model = "abc",
                                .q_tile = 16,
                                .kv_tile = 16,
                                .token_order = "hilbert",
                                .estimate = MassEstimate::kRowMean};
  CalibrationRecorder recorder_{kLayers, kSpec.num_heads, kSteps};
  tessera_calibration_recorder* c_recorder_ = nullptr;
  tessera_calibration_key key_ = TESSERA_CALIBRATION_KEY_INIT;
  Calibration solved_;
  tessera_calibration* c_solved_ = nullptr;
};

TEST_F(CCalibration, SolvesAsCppDoes) {
  record_and_solve();
  tessera_calibration_info info = TESSERA_CALIBRATION_INFO_INIT;
  ASSERT_EQ(tessera_calibration_get_info(c_solved_, &info), TESSERA_OK);
  EXPECT_EQ(info.layers, kLayers);
  EXPECT_EQ(info.heads, 2);
  EXPECT_EQ(info.budget, solved_.budget);
  EXPECT_EQ(info.expected_sparsity, solved_.expected_sparsity);
  EXPECT_EQ(std::vector<float>(info.factors,
                               info.factors + TESSERA_CALIBRATION_KNOTS * info.layers * info.heads),
            solved_.factors);
  for (int64_t i = 0; i < kLayers * 2 * kSteps; ++i) {
    const int64_t layer = i % kLayers, head = i / kLayers % 2, step = i / (kLayers * 2);
    float level = -1;
    ASSERT_EQ(tessera_calibration_level(c_solved_, layer, head, step, kSteps, 1.5, &level),
              TESSERA_OK);
    EXPECT_EQ(level, solved_.level(layer, head, step, kSteps, 1.5));
  }
}

TEST_F(CCalibration, AFileOfCIsOneOfCpp) {
  record_and_solve();
  const tessera::testing::TemporaryFolder folder;
  const std::string path = folder.path() / "c.json";
  ASSERT_EQ(tessera_calibration_save(c_solved_, path.c_str()), TESSERA_OK) << tessera_last_error();
  const Calibration loaded = Calibration::load(path);
  EXPECT_EQ(loaded.key, cpp_key_);
  EXPECT_EQ(loaded.budget, solved_.budget);
  solved_.save(folder / "cpp.json");
  EXPECT_EQ(loaded.factors, Calibration::load(folder / "cpp.json").factors);
}

TEST_F(CCalibration, AFileOfCppIsOneOfC) {
  record_and_solve();
  const tessera::testing::TemporaryFolder folder;
  solved_.save(folder / "cpp.json");
  const Calibration want = Calibration::load(folder / "cpp.json");
  tessera_calibration* loaded = nullptr;
  ASSERT_EQ(tessera_calibration_load((folder / "cpp.json").c_str(), &loaded), TESSERA_OK)
      << tessera_last_error();
  tessera_calibration_key key = TESSERA_CALIBRATION_KEY_INIT;
  EXPECT_EQ(tessera_calibration_get_key(loaded, &key), TESSERA_OK);
  EXPECT_STREQ(key.model, "abc");
  EXPECT_STREQ(key.token_order, "hilbert");
  EXPECT_EQ(key.q_tile, 16);
  EXPECT_EQ(key.kv_tile, 16);
  EXPECT_EQ(key.estimate, TESSERA_ROW_MEAN);
  float level = -1;
  EXPECT_EQ(tessera_calibration_level(loaded, 1, 1, 5, kSteps, 1, &level), TESSERA_OK);
  EXPECT_EQ(level, want.level(1, 1, 5, kSteps, 1));
  tessera_calibration_destroy(loaded);
}

TEST_F(CCalibration, RefusesRecordersOfNoSize) {
  const auto refused = [](int64_t layers, int64_t heads, int64_t steps) {
    tessera_calibration_recorder* recorder = nullptr;
    EXPECT_EQ(tessera_calibration_recorder_create(layers, heads, steps, &recorder),
              TESSERA_INVALID_ARGUMENT);
    EXPECT_EQ(recorder, nullptr);
    return std::string(tessera_last_error());
  };
  const std::string name = "[tessera_calibration_recorder_create] ";
  EXPECT_EQ(refused(-1, 2, 8), name + "layers must be in [1, 1001), got: -1");
  EXPECT_EQ(refused(2, 1001, 8), name + "heads must be in [1, 1001), got: 1001");
  EXPECT_EQ(refused(2, 2, int64_t{1} << 31),
            name + "total_steps must be in [1, 2147483648), got: 2147483648");
}

TEST_F(CCalibration, RefusesMassesThatDoNotFit) {
  const std::vector<float> masses(80);
  const auto refused = [&](int64_t layer, const int64_t(&shape)[4]) {
    EXPECT_EQ(tessera_calibration_recorder_add(c_recorder_, layer, 0, masses.data(), shape, 0),
              TESSERA_INVALID_ARGUMENT);
    return std::string(tessera_last_error());
  };
  EXPECT_EQ(
      refused(kLayers, shape_),
      "[CalibrationRecorder] layer, step and heads must be below 2, 8 and equal to 2, got: 2, "
      "0, 2");
  const int64_t huge[] = {int64_t{1} << 40, 2, int64_t{1} << 40, 10}, negative[] = {1, 2, -4, 10};
  const std::string rule =
      "[tessera_calibration_recorder_add] shape must be of at least 1 each and 2^48 together, "
      "got: ";
  EXPECT_EQ(refused(0, huge), rule + "1099511627776, 2, 1099511627776, 10");
  EXPECT_EQ(refused(0, negative), rule + "1, 2, -4, 10");
}

TEST_F(CCalibration, RefusesWhatItCannotSolve) {
  EXPECT_TRUE(refusal(0.3).starts_with("[CalibrationRecorder] every layer needs calls"));
  record();
  EXPECT_EQ(refusal(0), "[CalibrationRecorder] the target sparsity must be in (0, 0.95], got: 0");
  const std::string name = "[tessera_calibration_recorder_solve] ";
  key_.model = "\xff";
  EXPECT_EQ(refusal(0.3), name + "key->model must be printable ASCII, got: \xff");
  key_.model = nullptr;
  EXPECT_EQ(refusal(0.3), name + "key->model must be set, got: NULL");
  key_.model = "";
  key_.estimate = 2;
  EXPECT_EQ(refusal(0.3), name + "estimate must be in [0, 2), got: 2");
  key_.struct_size = 1;
  EXPECT_EQ(refusal(0.3),
            name + "key->struct_size must be " + std::to_string(sizeof(key_)) + ", got: 1");
}

TEST_F(CCalibration, RefusesPlacesOutsideOfIt) {
  record_and_solve();
  float level = -1;
  const auto refused = [&](int64_t layer, int64_t head, int64_t step, double scale) {
    EXPECT_EQ(tessera_calibration_level(c_solved_, layer, head, step, kSteps, scale, &level),
              TESSERA_INVALID_ARGUMENT);
    return std::string(tessera_last_error());
  };
  const std::string name = "[tessera_calibration_level] ";
  EXPECT_EQ(refused(2, 0, 0, 1), name + "layer must be in [0, 2), got: 2");
  EXPECT_EQ(refused(0, -1, 0, 1), name + "head must be in [0, 2), got: -1");
  EXPECT_EQ(refused(0, 0, 8, 1), name + "step must be in [0, 8), got: 8");
  EXPECT_EQ(refused(0, 0, 0, -1), name + "scale must be finite and >= 0, got: -1");
  EXPECT_EQ(refused(0, 0, 0, std::nan("")), name + "scale must be finite and >= 0, got: nan");
  EXPECT_EQ(level, -1);
}

TEST_F(CCalibration, RefusesNullPointersAndFilesThatAreNotThere) {
  EXPECT_EQ(tessera_calibration_recorder_create(1, 1, 1, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_calibration_recorder_add(c_recorder_, 0, 0, nullptr, shape_, 0),
            TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_calibration_recorder_solve(c_recorder_, 0.3, nullptr, &c_solved_),
            TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_calibration_recorder_solve(nullptr, 0.3, &key_, nullptr),
            TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_calibration_save(nullptr, "x"), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_calibration_get_key(nullptr, &key_), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_calibration_get_info(nullptr, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_calibration_level(nullptr, 0, 0, 0, 1, 1, nullptr), TESSERA_INVALID_ARGUMENT);
  EXPECT_STREQ(tessera_last_error(),
               "[tessera_calibration_level] calibration must be set, got: NULL");
  tessera_calibration_destroy(nullptr);
  tessera_calibration_recorder_destroy(nullptr);
  EXPECT_EQ(tessera_calibration_load(nullptr, &c_solved_), TESSERA_INVALID_ARGUMENT);
  EXPECT_EQ(tessera_calibration_load("/nowhere/c.json", &c_solved_), TESSERA_IO_ERROR);
  EXPECT_EQ(c_solved_, nullptr);
  EXPECT_STREQ(tessera_last_error(), "/nowhere/c.json: cannot be opened");
}

}  // namespace
}  // namespace tessera::attention::testing
