#include "tessera/cli/pages/segment_pictures.h"

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/random.h"

namespace tessera::cli::pages {
namespace {

media::Image noise(int height, int width) {
  media::Image image = media::make_image(height, width);
  Random random(1);
  for (uint8_t& value : image.data) value = uint8_t(random.below(256));
  return image;
}

bool starts_with(const std::string& text, const std::string& prefix) {
  return text.rfind(prefix, 0) == 0;
}

TEST(SegmentPictures, AreEmbedded) {
  const std::vector<uint8_t> mask(64 * 48, 1);
  const ReportCase shown = case_pictures(noise(48, 64), mask, mask);
  for (const std::string* uri : {&shown.image, &shown.overlay, &shown.error_map}) {
    EXPECT_TRUE(starts_with(*uri, "data:image/png;base64,"));
  }
}

TEST(SegmentPictures, LargeOnesShrinkAndBecomeJpeg) {
  const std::vector<uint8_t> mask(600 * 500, 1);
  const ReportCase shown = case_pictures(noise(600, 500), mask, mask);
  EXPECT_TRUE(starts_with(shown.image, "data:image/jpeg;base64,"));
  EXPECT_LT(shown.image.size(), 400'000u);
}

TEST(SegmentPictures, WithoutTruthThereIsNoErrorMap) {
  const ReportCase shown = case_pictures(noise(8, 8), std::vector<uint8_t>(64, 1), {});
  EXPECT_EQ(shown.error_map, "");
  EXPECT_NE(shown.overlay, "");
}

TEST(SegmentPictures, SizesMustAgree) {
  EXPECT_THROW(case_pictures(noise(8, 8), std::vector<uint8_t>(63), {}), InvalidArgument);
  EXPECT_THROW(case_pictures(noise(8, 8), std::vector<uint8_t>(64), std::vector<uint8_t>(1)),
               InvalidArgument);
}

}  // namespace
}  // namespace tessera::cli::pages
