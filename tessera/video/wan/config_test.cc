#include "tessera/video/wan/config.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::video {
namespace {

VideoConfig demo() {
  VideoConfig config;
  config.dit.dim = 256;
  config.dit.num_heads = 4;
  config.dit.num_layers = 6;
  config.dit.ffn_dim = 1024;
  config.dit.in_channels = config.dit.out_channels = 3;
  config.dit.text_dim = 128;
  config.dit.text_len = 16;
  config.dit.patch = {1, 8, 8};
  config.prediction = Prediction::kSample;
  return config;
}

/// The text of the error when `edit` has been at a good config.json; "" if it was accepted.
template <typename Edit>
std::string error_after(const Edit& edit) {
  const testing::TemporaryFolder folder;
  const auto path = folder / "config.json";
  write_video_config(path, demo());
  auto json = nlohmann::json::parse(read_text(path));
  edit(json);
  write_file(path, json.dump());
  try {
    read_video_config(path);
  } catch (const IoError& error) {
    return std::string(error.what()).substr(folder.path().string().size() + 1);
  }
  return "";
}

TEST(VideoConfig, GoesToAFileAndBack) {
  const testing::TemporaryFolder folder;
  auto config = demo();
  config.defaults.fps = 12.5;
  config.attention.kv_tile = 32;
  write_video_config(folder / "config.json", config);
  const auto back = read_video_config(folder / "config.json");
  EXPECT_EQ(back.dit.patch, config.dit.patch);
  EXPECT_EQ(back.dit.head_dim(), 64);
  EXPECT_EQ(back.dit.eps, config.dit.eps);
  EXPECT_EQ(back.prediction, Prediction::kSample);
  EXPECT_EQ(back.defaults.fps, 12.5);
  EXPECT_EQ(back.attention.kv_tile, 32);
}

struct BadKey {
  const char* name;
  const char* patch;  // merged into the file, RFC 7396: null removes a key
  const char* error;
};

class BadVideoConfig : public ::testing::TestWithParam<BadKey> {};

TEST_P(BadVideoConfig, IsRefusedByFileKeyRuleAndValue) {
  const auto error = error_after(
      [](nlohmann::json& json) { json.merge_patch(nlohmann::json::parse(GetParam().patch)); });
  EXPECT_EQ(error.substr(0, std::string(GetParam().error).size()), GetParam().error) << error;
}

INSTANTIATE_TEST_SUITE_P(
    Keys, BadVideoConfig,
    ::testing::Values(
        BadKey{"Missing", R"({"dim": null})", "config.json: \"dim\" is missing"},
        BadKey{"Unknown", R"({"dims": 3})", "config.json: \"dims\" is not a known key (known: "},
        BadKey{"Text", R"({"num_heads": "4"})",
               "config.json: \"num_heads\" must be a whole number in [1, 1024], got: \"4\""},
        BadKey{"Fraction", R"({"ffn_dim": 2.5})",
               "config.json: \"ffn_dim\" must be a whole number in [1, 1048576], got: 2.5"},
        BadKey{"Huge", R"({"dim": 18446744073709551615})",
               "config.json: \"dim\" must be a whole number in"},
        BadKey{"Negative", R"({"num_layers": -1})",
               "config.json: \"num_layers\" must be a whole number in [1, 1024], got: -1"},
        BadKey{"Eps", R"({"eps": 1})", "config.json: \"eps\" must be a number in [1e-12, 0.01]"},
        BadKey{"Patch", R"({"patch_size": [1, 8]})",
               "config.json: \"patch_size\" must be 3 whole numbers in [1, 64], got: [1,8]"},
        BadKey{"Prediction", R"({"prediction": "noise"})",
               "config.json: \"prediction\" must be one of: velocity, sample"},
        BadKey{"Schema", R"({"schema": "other"})",
               "config.json: \"schema\" must be tessera.video_model/1, got: \"other\""},
        BadKey{"Nested", R"({"defaults": {"steps": 0}})",
               "config.json: \"defaults.steps\" must be a whole number in [1, 1000], got: 0"},
        BadKey{"NestedUnknown", R"({"attention": {"tile": 64}})",
               "config.json: \"attention.tile\" is not a known key"},
        BadKey{"NotAnObject", R"({"defaults": 3})", "config.json: \"defaults\" must be an object"},
        BadKey{"Heads", R"({"num_heads": 5})",
               "config.json: \"dim\" must be a multiple of num_heads 5, got: 256"},
        BadKey{"HeadDim", R"({"num_heads": 64})",
               "config.json: dim / num_heads must be even and in [6, 256], got: 4"},
        BadKey{"Colours", R"({"in_dim": 4})", "config.json: \"in_dim\" and \"out_dim\" must be 3"},
        BadKey{"DefaultSize", R"({"defaults": {"width": 129}})",
               "config.json: \"defaults\" must be multiples of patch_size 1, 8, 8, got: 16 frames "
               "of 129x64"}),
    [](const auto& info) { return info.param.name; });

TEST(VideoConfig, WhatIsNoJsonObjectIsRefused) {
  const testing::TemporaryFolder folder;
  const auto path = folder / "config.json";
  EXPECT_THROW(read_video_config(path), IoError);
  for (const char* text : {"", "{", "[1]", "3"}) {
    write_file(path, text);
    EXPECT_THROW(read_video_config(path), IoError) << text;
  }
}

}  // namespace
}  // namespace tessera::video
