#include "tessera/segmentation/training/autosam_settings.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::segmentation {
namespace {

using tessera::testing::TemporaryFolder;

TEST(AutoSamSettings, SurviveJson) {
  const TemporaryFolder folder;
  AutoSamSettings settings;
  settings.method = Method::kPlainHead;
  settings.order = HarDNetOrder::k85;
  settings.generator.has_stem_skip = true;
  settings.generator.is_unbounded = true;
  settings.generator.decoder_width = 48;
  settings.learning_rate = 0.1 + 0.2;
  settings.seed = 12345678901234;
  settings.augmentation.view_colours.hue = 0.123F;
  settings.augmentation.has_flips = false;
  settings.surrogate.distillation = 0.3;
  settings.device = "cuda:1";
  const std::string text = autosam_settings_json(settings);
  write_file(folder / "settings.json", text);
  EXPECT_EQ(autosam_settings_json(read_autosam_settings(folder / "settings.json")), text);
}

TEST(AutoSamSettings, RefuseUnknownMissingAndWrongEntries) {
  const TemporaryFolder folder;
  const std::string good = autosam_settings_json({});
  const auto refusal = [&](const std::string& from, const std::string& to) -> std::string {
    std::string text = good;
    text.replace(text.find(from), from.size(), to);
    write_file(folder / "settings.json", text);
    try {
      read_autosam_settings(folder / "settings.json");
    } catch (const IoError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(refusal("\"batch\": 8", "\"batches\": 8").find("\"batch\" is missing"),
            std::string::npos);
  EXPECT_NE(refusal("\"flips\": true", "\"flips\": 1").find("must be true or false, got: 1"),
            std::string::npos);
  EXPECT_NE(refusal("\"g_size\": 256", "\"g_size\": 250").find("g_size must be a multiple of 16"),
            std::string::npos);
  EXPECT_NE(refusal("\"device\": \"cpu\"", "\"device\": \"cpu\", \"x\": 1").find("not a known key"),
            std::string::npos);
}

TEST(AutoSamSettings, NameTheFirstSettingOutOfRange) {
  AutoSamSettings settings;
  settings.max_epochs = 0;
  EXPECT_THROW(check_settings(settings), InvalidArgument);
  settings = {};
  settings.tile = 3;
  EXPECT_THROW(check_settings(settings), InvalidArgument);
  EXPECT_THROW(parse_method("sam"), InvalidArgument);
}

}  // namespace
}  // namespace tessera::segmentation
