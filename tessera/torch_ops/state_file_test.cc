// The state's tensors on disk: the library's file, both ways.
#include "tessera/torch_ops/state_file.h"

#include <filesystem>

#include <ATen/core/dispatch/Dispatcher.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/testing/temporary_folder.h"
#include "tessera/torch_ops/testing/problem_tensors.h"

namespace tessera::torch_ops::testing {
namespace {

constexpr attention::SkipStateShape kShape{.batch = 2,
                                           .num_heads = 3,
                                           .q_len = 50,
                                           .kv_len = 300,
                                           .geometry = {16, 8, 2},
                                           .token_order = 4,
                                           .streams = 2,
                                           .has_lse = true};

/// A state with something in every array.
SkipStateTensors filled_state() {
  SkipStateTensors state = make_skip_state(kShape);
  begin_generation(state, 5, attention::Direction::kDescending);
  state.bits.select(3, 0).fill_(0x1234567);
  state.spent.fill_(0.25);
  state.lse.fill_(-1.5);
  state.pending.fill_(7);
  view_of(state).field(attention::HeaderField::kStream) = 1;
  return state;
}

void expect_equal(const SkipStateTensors& got, const SkipStateTensors& want) {
  for (const auto member :
       {&SkipStateTensors::bits, &SkipStateTensors::spent, &SkipStateTensors::header,
        &SkipStateTensors::lse, &SkipStateTensors::pending}) {
    EXPECT_TRUE(at::equal(got.*member, want.*member));
  }
}

TEST(StateFile, HoldsTheBytesThatTheLibraryWrites) {
  const tessera::testing::TemporaryFolder folder;
  const SkipStateTensors state = filled_state();
  save_state(state, folder / "tensors");
  attention::SkipState::load(folder / "tensors").save(folder / "library");
  const MappedFile ours(folder / "tensors"), its(folder / "library");
  EXPECT_TRUE(std::ranges::equal(ours.bytes(), its.bytes()));
  expect_equal(load_state(folder / "library"), state);
}

TEST(StateFile, WithoutLseAndPendingLoadsWithout) {
  const tessera::testing::TemporaryFolder folder;
  SkipStateTensors state = make_skip_state({.batch = 1, .num_heads = 1, .q_len = 9, .kv_len = 9});
  begin_generation(state, 2);
  save_state(state, folder / "state");
  const SkipStateTensors loaded = load_state(folder / "state");
  EXPECT_FALSE(loaded.lse.defined() || loaded.pending.defined());
  EXPECT_TRUE(at::equal(loaded.header, state.header));
}

TEST(StateFile, TheOperatorsAreTheFunctions) {
  const tessera::testing::TemporaryFolder folder;
  const SkipStateTensors state = filled_state();
  const auto call = [](const char* name, torch::jit::Stack stack) {
    c10::Dispatcher::singleton().findSchemaOrThrow(name, "").callBoxed(stack);
    return stack;
  };
  const std::string path = folder / "state";
  call("tessera::check_state", {state.bits, state.spent, state.header, state.lse, state.pending});
  call("tessera::save_state",
       {state.bits, state.spent, state.header, state.lse, state.pending, path});
  const auto loaded = call("tessera::load_state", {path});
  ASSERT_EQ(loaded.size(), 5);
  expect_equal({loaded[0].toTensor(), loaded[1].toTensor(), loaded[2].toTensor(),
                loaded[3].toTensor(), loaded[4].toTensor()},
               state);
}

TEST(StateFile, RefusesABrokenState) {
  const tessera::testing::TemporaryFolder folder;
  const SkipStateTensors state = filled_state();
  state.spent.fill_(-1);
  const std::string text = "[SkipState] spent must be finite and >= 0, got: -1 in row 0";
  EXPECT_EQ(refusal<InvalidArgument>([&] { check_state(state); }), text);
  EXPECT_EQ(refusal<InvalidArgument>([&] { save_state(state, folder / "state"); }), text);
  EXPECT_FALSE(std::filesystem::exists(folder / "state"));
}

TEST(StateFile, RefusesAFileThatIsNotThere) {
  const tessera::testing::TemporaryFolder folder;
  const std::string path = folder / "none";
  EXPECT_TRUE(refusal<IoError>([&] { load_state(path); }).starts_with(path + ": "));
}

}  // namespace
}  // namespace tessera::torch_ops::testing
