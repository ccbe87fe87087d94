#include "tessera/segmentation/sam/config.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::segmentation {
namespace {

using tessera::testing::TemporaryFolder;

/// What reading the demo model's configuration says after a change; "" when it is read.
template <typename Change>
std::string refusal_of(const Change& change) {
  const TemporaryFolder folder;
  auto json = nlohmann::ordered_json::parse(sam_config_json(demo_sam_config()));
  change(json);
  write_file(folder / "config.json", json.dump());
  try {
    read_sam_config(folder / "config.json");
  } catch (const IoError& error) {
    return error.what();
  }
  return "";
}

#define EXPECT_IN(part, text) \
  EXPECT_NE((text).find(part), std::string::npos) << "in: \"" << (text) << "\""

TEST(SamConfig, IsReadAsItWasWritten) {
  const TemporaryFolder folder;
  for (SamConfig config : {sam_vit_b(), sam_vit_l(), sam_vit_h(), demo_sam_config()}) {
    config.pixel_std[1] = 0.25;
    write_file(folder / "config.json", sam_config_json(config));
    EXPECT_EQ(read_sam_config(folder / "config.json"), config);
  }
}

TEST(SamConfig, AllBlocksMayBeInWindows) {
  EXPECT_EQ(refusal_of([](auto& json) { json["global_blocks"] = nlohmann::json::array(); }), "");
}

TEST(SamConfig, NamesTheKeyAndTheRule) {
  EXPECT_IN("\"depth\" must be a whole number in [1, 128], got: 6.5",
            refusal_of([](auto& json) { json["depth"] = 6.5; }));
  EXPECT_IN("\"window\" is not a known key", refusal_of([](auto& json) { json["window"] = 14; }));
  EXPECT_IN("\"schema\" must be one of: tessera.sam/1",
            refusal_of([](auto& json) { json["schema"] = "tessera.sam/2"; }));
  EXPECT_IN("\"global_blocks\" must be at most 6 whole numbers in [0, 5], got: [6]",
            refusal_of([](auto& json) { json["global_blocks"] = {6}; }));
  EXPECT_IN("\"pixel_std\" must be 3 numbers in [0.001, 1000], got: [1,1,0]",
            refusal_of([](auto& json) {
              json["pixel_std"] = {1, 1, 0};
            }));
}

TEST(SamConfig, SizesMustFitEachOther) {
  EXPECT_IN("image_size must be a multiple of patch_size, got: 511",
            refusal_of([](auto& json) { json["image_size"] = 511; }));
  EXPECT_IN("embed_dim must be a multiple of num_heads, got: 255",
            refusal_of([](auto& json) { json["embed_dim"] = 255; }));
  EXPECT_IN("prompt_dim must be a multiple of 8 and of 2 decoder_heads, got: 24",
            refusal_of([](auto& json) { json["prompt_dim"] = 24; }));
}

}  // namespace
}  // namespace tessera::segmentation
