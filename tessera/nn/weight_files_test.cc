#include "tessera/nn/weight_files.h"

#include <fstream>
#include <limits>

#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/nn/layers.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::nn {
namespace {

using tessera::testing::TemporaryFolder;

/// The IoError's text, or "" when nothing was thrown.
template <typename Action>
std::string io_error(const Action& action) {
  try {
    action();
  } catch (const IoError& error) {
    return error.what();
  }
  return "";
}

#define EXPECT_IN(part, text) \
  EXPECT_NE((text).find(part), std::string::npos) << "in: \"" << (text) << "\""

NamedTensors linear_weights() { return {{"weight", at::randn({2, 3})}, {"bias", at::randn({2})}}; }

TEST(WeightFiles, GiveBackEveryTypeAndShape) {
  const TemporaryFolder folder;
  NamedTensors tensors = linear_weights();
  tensors["half"] = at::randn({4}).to(at::kHalf);
  tensors["bf16"] = at::randn({4, 5}).to(at::kBFloat16).t();  // strides are the writer's business
  tensors["whole"] = at::ones({2, 0}, at::kLong);
  tensors["scalar"] = at::full({}, 3.0);
  save_weights(folder / "a.safetensors", tensors, {{"seed", "1"}});
  const auto back = load_weights(folder / "a.safetensors");
  ASSERT_EQ(back.tensors.size(), tensors.size());
  for (const auto& [name, tensor] : tensors)
    EXPECT_TRUE(at::equal(back.tensors.at(name), tensor)) << name;
  EXPECT_EQ(back.metadata.at("seed"), "1");
}

TEST(WeightFiles, ConvertFloatingPointOnly) {
  const TemporaryFolder folder;
  save_weights(folder / "a.safetensors",
               {{"x", at::ones({2}, at::kBFloat16)}, {"n", at::ones({2}, at::kInt)}});
  const auto back = load_weights(folder.path(), at::kFloat);
  EXPECT_EQ(back.tensors.at("x").scalar_type(), at::kFloat);
  EXPECT_EQ(back.tensors.at("n").scalar_type(), at::kInt);
}

TEST(WeightFiles, ShardsAreJoinedByTheirIndex) {
  const TemporaryFolder folder;
  save_weights(folder / "m-1.safetensors", {{"a", at::ones({1})}});
  save_weights(folder / "m-2.safetensors", {{"b", at::zeros({1})}});
  save_weights(folder / "other.safetensors", {{"c", at::zeros({1})}});
  write_file(folder / "m.safetensors.index.json",
             R"({"weight_map": {"a": "m-1.safetensors", "b": "m-2.safetensors"}})");
  const auto weights = load_weights(folder.path());
  EXPECT_EQ(weights.tensors.size(), 2u);
  EXPECT_EQ(weights.tensors.at("a").item<float>(), 1);
}

TEST(WeightFiles, AnIndexThatDoesNotFitItsShardsIsRefused) {
  const TemporaryFolder folder;
  save_weights(folder / "m.safetensors", {{"a", at::ones({1})}});
  const auto with_index = [&](const std::string& map) {
    write_file(folder / "m.safetensors.index.json", "{\"weight_map\": " + map + "}");
    return io_error([&] { load_weights(folder.path()); });
  };
  EXPECT_IN("tensor \"z\" is not in m.safetensors",
            with_index(R"({"a": "m.safetensors", "z": "m.safetensors"})"));
  save_weights(folder / "n.safetensors", {{"b", at::ones({1})}, {"c", at::ones({1})}});
  EXPECT_IN("does not list tensor \"c\"",
            with_index(R"({"a": "m.safetensors", "b": "n.safetensors"})"));
  EXPECT_IN("must be the name of a safetensors file, got: ../m.safetensors",
            with_index(R"({"a": "../m.safetensors"})"));
  EXPECT_IN("missing.safetensors: cannot be opened", with_index(R"({"a": "missing.safetensors"})"));
}

TEST(WeightFiles, DamagedOrEmptyPlacesAreRefused) {
  const TemporaryFolder folder;
  EXPECT_IN("holds no *.safetensors", io_error([&] { load_weights(folder.path()); }));
  const auto file = folder / "a.safetensors";
  EXPECT_IN("a.safetensors: cannot be opened", io_error([&] { load_weights(file); }));
  save_weights(file, linear_weights());
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 4);
  EXPECT_IN("not a valid safetensors file", io_error([&] { load_weights(file); }));
  write_file(file, "hello, I am no weights");
  EXPECT_IN("not a valid safetensors file", io_error([&] { load_weights(file); }));
}

TEST(WeightFiles, WeightsThatAreNotFiniteAreRefusedByName) {
  const TemporaryFolder folder;
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    auto tensors = linear_weights();
    tensors["weight"][1][2] = bad;
    save_weights(folder / "a.safetensors", tensors);
    const auto text = io_error([&] { load_weights(folder.path()); });
    EXPECT_IN("a.safetensors: tensor \"weight\" must be finite", text);
  }
}

TEST(WeightFiles, TheSameTensorInTwoFilesIsRefused) {
  const TemporaryFolder folder;
  save_weights(folder / "a.safetensors", linear_weights());
  save_weights(folder / "b.safetensors", linear_weights());
  EXPECT_IN("b.safetensors: tensor \"bias\" must be stored once",
            io_error([&] { load_weights(folder.path()); }));
}

TEST(LoadModules, FillsEachPartByItsPrefix) {
  Linear plain(3, 2), other(3, 2);
  Weights weights{"here", linear_weights(), {}};
  for (const auto& [name, tensor] : linear_weights()) weights.tensors["other." + name] = tensor;
  load_modules(weights, {{"", &plain}, {"other.", &other}});
  EXPECT_TRUE(at::equal(plain.weight, weights.tensors.at("weight")));
  EXPECT_TRUE(at::equal(other.bias, weights.tensors.at("other.bias")));
  EXPECT_TRUE(plain.weight.requires_grad());
}

TEST(LoadModules, ListsEverythingThatDoesNotFitAndChangesNothing) {
  Linear module(3, 2);
  const Weights weights{
      "m.safetensors", {{"weight", at::ones({3, 2})}, {"biass", at::ones({2})}}, {}};
  const auto text = io_error([&] { load_modules(weights, {{"", &module}}); });
  EXPECT_IN("m.safetensors: the weights do not fit the model", text);
  EXPECT_IN("missing: \"bias\"", text);
  EXPECT_IN("unexpected: \"biass\"", text);
  EXPECT_IN("\"weight\" must be [2, 3], got: [3, 2]", text);
  EXPECT_EQ(module.weight.abs().sum().item<float>(), 0);
}

}  // namespace
}  // namespace tessera::nn
