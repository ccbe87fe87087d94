#include "tessera/attention/skip_state.h"

#include <cmath>
#include <fstream>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/safetensors.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::attention {
namespace {

/// 2 x 3 heads, 4 x 40 tiles: two words a row, the second with 8 tiles.
const SkipStateShape kShape{
    .batch = 2, .num_heads = 3, .q_len = 50, .kv_len = 314, .geometry = {16, 8}, .token_order = 7};

template <typename Function>
std::string message_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "accepted";
}

TEST(SkipState, BeginKeepsAllTilesAndLeavesTheTailZero) {
  SkipState state(kShape);
  state.begin(5);
  const SkipStateView view = state.view();
  EXPECT_EQ(view.bits_shape, (std::array<int64_t, 4>{2, 3, 4, 2}));
  EXPECT_EQ(view.row(1, 2, 3)[0], -1);
  EXPECT_EQ(view.row(1, 2, 3)[1], 0xff);
  EXPECT_EQ(kept_tiles(view), 2 * 3 * 4 * 40);
  EXPECT_NO_THROW(check_state(view));
}

TEST(SkipState, BeginStartsAGenerationAfresh) {
  SkipState state(kShape);
  EXPECT_EQ(state.view().field(HeaderField::kGeneration), 0);
  state.begin(5);
  const SkipStateView view = state.view();
  view.bits[0] = 0;
  view.spent[1] = 0.5f;
  view.field(HeaderField::kStep) = 3;
  state.begin(9, Direction::kDescending);
  EXPECT_EQ(view.bits[0], -1);
  EXPECT_EQ(view.spent[1], 0.0f);
  EXPECT_EQ(view.field(HeaderField::kGeneration), 2);
  EXPECT_EQ(view.field(HeaderField::kStep), 0);
  EXPECT_EQ(view.field(HeaderField::kTotalSteps), 9);
  EXPECT_EQ(view.field(HeaderField::kDirection), 1);
}

TEST(SkipState, HeaderOrderIsTheFormat) {
  SkipState state(kShape);
  state.begin(5);
  const int32_t want[] = {2, 16, 8, 7, 1, 0, 0, 5, 50, 314, 1, 0, 1};
  for (int i = 0; i < kHeaderFields; ++i) EXPECT_EQ(state.view().header[i], want[i]) << i;
}

TEST(SkipState, ShapeIsReadBackFromTheArrays) {
  const SkipState state(kShape);
  EXPECT_EQ(state_shape(state.view()), kShape);
}

SkipStateShape full_shape() {
  SkipStateShape shape = kShape;
  shape.streams = 2;
  shape.has_lse = true;
  shape.geometry.q_group = 2;
  return shape;
}

TEST(SkipState, StreamsAndLogSumExpAddTheirArrays) {
  SkipState state(full_shape());
  const SkipStateView view = state.view();
  EXPECT_EQ(view.lse_shape, (std::array<int64_t, 4>{2, 2, 3, 50}));
  EXPECT_EQ(view.pending_shape, (std::array<int64_t, 4>{2, 3, 4, 40}));
  EXPECT_EQ(state_shape(view), full_shape());
}

TEST(SkipState, RefusesArraysThatItsShapeDoesNotHave) {
  SkipState plain(kShape), full(full_shape());
  EXPECT_EQ(message_of([&] { initialize_state(full.view(), kShape); }),
            "[SkipState] lse must be set if the state has it and else null, got: set");
  EXPECT_EQ(message_of([&] { initialize_state(plain.view(), full_shape()); }),
            "[SkipState] lse must be set if the state has it and else null, got: null");
  SkipStateView view = full.view();
  view.pending = nullptr;
  EXPECT_EQ(message_of([&] { state_shape(view); }),
            "[SkipState] pending must be set for 2 streams and for no other number, got: 2");
  view = full.view();
  view.pending_shape[3] = 39;
  EXPECT_EQ(message_of([&] { state_shape(view); }),
            "[SkipState] pending must be [2, 3, 4, 40], got: [2, 3, 4, 39]");
  view = full.view();
  view.lse_shape[0] = 1;
  EXPECT_EQ(message_of([&] { state_shape(view); }),
            "[SkipState] lse must be [2, 2, 3, 50], got: [1, 2, 3, 50]");
}

TEST(SkipState, RefusesMoreTilesThanCanBeCounted) {
  constexpr int64_t kMost = 0x7fffffff;
  SkipStateShape shape{.batch = kMost, .num_heads = kMost, .q_len = kMost, .kv_len = kMost};
  EXPECT_EQ(message_of([&] { SkipState state(shape); }),
            "[SkipState] batch x heads x q_len x kv tiles must be at most 2^60, got: 3.32307e+35");
}

TEST(SkipState, RefusesSizesOutOfRange) {
  const auto with = [](auto change) {
    SkipStateShape shape = kShape;
    change(shape);
    return message_of([&] { SkipState state(shape); });
  };
  EXPECT_EQ(with([](auto& s) { s.batch = 0; }),
            "[SkipState] batch must be in [1, 2147483647], got: 0");
  EXPECT_EQ(with([](auto& s) { s.q_len = -1; }),
            "[SkipState] q_len must be in [1, 2147483647], got: -1");
  EXPECT_EQ(with([](auto& s) { s.geometry.q_tile = 0; }),
            "[SkipState] q_tile must be in [1, 4096], got: 0");
  EXPECT_EQ(with([](auto& s) { s.geometry.kv_tile = 5000; }),
            "[SkipState] kv_tile must be in [1, 4096], got: 5000");
  EXPECT_EQ(with([](auto& s) { s.token_order = -2; }),
            "[SkipState] token_order must be in [0, 2147483647], got: -2");
}

TEST(SkipState, BeginRefusesNoSteps) {
  SkipState state(kShape);
  EXPECT_EQ(message_of([&] { state.begin(0); }),
            "[SkipState] total_steps must be in [1, 2147483647], got: 0");
}

TEST(SkipState, RefusesArraysOfAnotherShape) {
  const SkipState state(kShape);
  SkipStateView view = state.view();
  view.bits_shape[3] = 3;
  EXPECT_EQ(message_of([&] { state_shape(view); }),
            "[SkipState] bits must be [2, 3, 4, 2], got: [2, 3, 4, 3]");
  view = state.view();
  view.spent_shape[0] = 1;
  EXPECT_EQ(message_of([&] { state_shape(view); }),
            "[SkipState] spent must be [2, 3, 4], got: [1, 3, 4]");
  view = state.view();
  view.header_size = 8;
  EXPECT_EQ(message_of([&] { state_shape(view); }),
            "[SkipState] header must have 13 fields, got: 8");
  EXPECT_EQ(message_of([&] { state_shape({}); }),
            "[SkipState] bits, spent and header must be set, got: null");
}

struct Damage {
  const char* name;
  std::function<void(const SkipStateView&)> apply;
  const char* message;

  friend void PrintTo(const Damage& value, std::ostream* stream) { *stream << value.name; }
};

class SkipStateDamage : public ::testing::TestWithParam<Damage> {};

TEST_P(SkipStateDamage, IsRefused) {
  SkipState state(kShape);
  state.begin(5);
  GetParam().apply(state.view());
  EXPECT_EQ(message_of([&] { check_state(state.view()); }), GetParam().message);
}

void set(const SkipStateView& view, HeaderField field, int32_t value) { view.field(field) = value; }

INSTANTIATE_TEST_SUITE_P(
    All, SkipStateDamage,
    ::testing::Values(
        Damage{"Version", [](auto& v) { set(v, HeaderField::kVersion, 3); },
               "[SkipState] format version must be 2, got: 3"},
        Damage{"Step", [](auto& v) { set(v, HeaderField::kStep, 6); },
               "[SkipState] step must be in [0, 5], got: 6"},
        Damage{"Direction", [](auto& v) { set(v, HeaderField::kDirection, 2); },
               "[SkipState] direction must be in [0, 1], got: 2"},
        Damage{"Generation", [](auto& v) { set(v, HeaderField::kGeneration, -1); },
               "[SkipState] generation must be in [0, 2147483647], got: -1"},
        Damage{"KvLen", [](auto& v) { set(v, HeaderField::kKvLen, 600); },
               "[SkipState] bits must be [2, 3, 4, 3], got: [2, 3, 4, 2]"},
        Damage{"Streams", [](auto& v) { set(v, HeaderField::kStreams, 3); },
               "[SkipState] streams must be in [1, 2], got: 3"},
        Damage{"StreamsWithoutPending", [](auto& v) { set(v, HeaderField::kStreams, 2); },
               "[SkipState] pending must be set for 2 streams and for no other number, got: 2"},
        Damage{"Stream", [](auto& v) { set(v, HeaderField::kStream, 1); },
               "[SkipState] stream must be in [0, 0], got: 1"},
        Damage{"QGroup", [](auto& v) { set(v, HeaderField::kQGroup, 17); },
               "[SkipState] q_group must be in [1, 16], got: 17"},
        Damage{"Tail", [](auto& v) { v.row(0, 0, 1)[1] |= 0x100; },
               "[SkipState] bits past the last tile must be zero, got: 511 as last word of row 1"},
        Damage{"Spent", [](auto& v) { v.spent[2] = NAN; },
               "[SkipState] spent must be finite and >= 0, got: nan in row 2"}),
    [](const auto& info) { return std::string(info.param.name); });

TEST(SkipState, RefusesADirectionThatIsNone) {
  SkipState state(kShape);
  EXPECT_EQ(message_of([&] { state.begin(5, static_cast<Direction>(5)); }),
            "[SkipState] direction must be in [0, 1], got: 5");
}

TEST(SkipState, RefusesPendingCodesThatMeanNothing) {
  SkipStateShape shape = kShape;
  shape.streams = 2;
  SkipState state(shape);
  state.begin(5);
  state.view().pending[3] = 250;
  EXPECT_NO_THROW(check_state(state.view()));
  state.view().pending[3] = 251;
  EXPECT_EQ(message_of([&] { check_state(state.view()); }),
            "[SkipState] pending must hold codes up to 250 or 255, got: 251");
}

TEST(SkipStateFile, ReadsBackWhatItWrote) {
  const tessera::testing::TemporaryFolder folder;
  SkipState state(kShape);
  state.begin(5, Direction::kDescending);
  state.view().row(1, 0, 2)[0] = 0x1234;
  state.view().spent[3] = 0.25f;
  state.view().field(HeaderField::kStep) = 4;
  state.save(folder / "state.safetensors");

  const SkipState loaded = SkipState::load(folder / "state.safetensors");
  EXPECT_EQ(loaded.shape(), kShape);
  for (int i = 0; i < kHeaderFields; ++i) {
    EXPECT_EQ(loaded.view().header[i], state.view().header[i]) << i;
  }
  for (int i = 0; i < 2 * 3 * 4 * 2; ++i) EXPECT_EQ(loaded.view().bits[i], state.view().bits[i]);
  for (int i = 0; i < 2 * 3 * 4; ++i) EXPECT_EQ(loaded.view().spent[i], state.view().spent[i]);
}

TEST(SkipStateFile, ReadsBackStreamsAndLogSumExp) {
  const tessera::testing::TemporaryFolder folder;
  SkipState state(full_shape());
  state.begin(5);
  const SkipStateView view = state.view();
  for (int i = 0; i < 2 * 2 * 3 * 50; ++i) view.lse[i] = static_cast<float>(i);
  view.lse[7] = -INFINITY;
  for (int i = 0; i < 2 * 3 * 4 * 40; ++i) view.pending[i] = static_cast<uint8_t>(i % 251);
  view.field(HeaderField::kStream) = 1;
  state.save(folder / "state.safetensors");

  const SkipState loaded = SkipState::load(folder / "state.safetensors");
  EXPECT_EQ(loaded.shape(), full_shape());
  EXPECT_EQ(loaded.view().field(HeaderField::kStream), 1);
  for (int i = 0; i < 2 * 2 * 3 * 50; ++i) EXPECT_EQ(loaded.view().lse[i], view.lse[i]);
  for (int i = 0; i < 2 * 3 * 4 * 40; ++i) EXPECT_EQ(loaded.view().pending[i], view.pending[i]);
}

TEST(SkipStateFile, SavingABrokenStateIsRefused) {
  const tessera::testing::TemporaryFolder folder;
  SkipState state(kShape);
  state.begin(5);
  state.view().spent[0] = -1;
  EXPECT_THROW(state.save(folder / "state.safetensors"), InvalidArgument);
  EXPECT_FALSE(std::filesystem::exists(folder / "state.safetensors"));
}

/// Rewrites a good file after a change of its metadata or tensors and says how loading it fails.
std::string load_changed(
    const std::function<void(TensorMap&, std::map<std::string, std::string>&)>& change) {
  const tessera::testing::TemporaryFolder folder;
  SkipState state(kShape);
  state.begin(5);
  state.save(folder / "good.safetensors");
  const SafetensorsFile good(folder / "good.safetensors");
  TensorMap tensors = good.tensors();
  auto metadata = good.metadata();
  change(tensors, metadata);
  save_safetensors(folder / "bad.safetensors", tensors, metadata);
  const std::string text = message_of([&] { SkipState::load(folder / "bad.safetensors"); });
  const size_t name = text.find("bad.safetensors: ");
  return name == std::string::npos ? text : text.substr(name + 17);
}

TEST(SkipStateFile, RefusesDamagedFiles) {
  EXPECT_EQ(load_changed([](auto&, auto& m) { m.erase("format"); }),
            "not a skip state (metadata `format` is not tessera.skip_state)");
  EXPECT_EQ(load_changed([](auto&, auto& m) { m.erase("step"); }),
            "a skip state's metadata must have `step`");
  EXPECT_EQ(load_changed([](auto&, auto& m) { m["step"] = "3x"; }),
            "`step` must be a 32-bit integer, got: 3x");
  EXPECT_EQ(load_changed([](auto&, auto& m) { m["version"] = "9"; }),
            "[SkipState] format version must be 2, got: 9");
  EXPECT_EQ(load_changed([](auto&, auto& m) { m["q_tile"] = "0"; }),
            "[SkipState] q_tile must be in [1, 4096], got: 0");
  EXPECT_EQ(load_changed([](auto&, auto& m) { m["kv_len"] = "310"; }),
            "[SkipState] bits past the last tile must be zero, got: 255 as last word of row 0");
  EXPECT_EQ(load_changed([](auto& t, auto&) {
              t["bits"].shape = {6, 4, 2};
            }),
            "`bits` must be int32 of rank 4, got: int32 of rank 3");
  EXPECT_NE(load_changed([](auto& t, auto&) { t.erase("spent"); }), "accepted");
  EXPECT_EQ(load_changed([](auto&, auto& m) {
              m["version"] = "1";
              m.erase("streams");
            }),
            "[SkipState] format version must be 2, got: 1");
  EXPECT_EQ(load_changed([](auto&, auto& m) { m["streams"] = "2"; }),
            "[SkipState] pending must be set for 2 streams and for no other number, got: 2");
  EXPECT_EQ(load_changed([](auto& t, auto&) { t["lse"] = t["spent"]; }),
            "`lse` must be fp32 of rank 4, got: fp32 of rank 3");
}

}  // namespace
}  // namespace tessera::attention
