#include "tessera/media/label_image.h"

#include <cmath>
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "tessera/core/file_io.h"
#include "tessera/media/golden_testing.h"
#include "tessera/media/tiff_testing.h"

namespace tessera::media {
namespace {

using Labels = std::vector<uint32_t>;

LabelImage decode_tiff(const TiffPage& page) {
  return decode_label_image(make_tiff(page), "made.tif");
}

std::string tiff_error(const TiffPage& page) {
  return io_error([&] { decode_tiff(page); });
}

template <typename T>
TiffPage row_of(const std::vector<T>& values, int format = SAMPLEFORMAT_UINT) {
  TiffPage page{.height = 1, .width = int(values.size()), .bits = 8 * int(sizeof(T))};
  page.format = format;
  page.samples = bytes_of(values);
  return page;
}

TEST(LabelPng, SixteenBitsComeBackAsWritten) {
  const testing::TemporaryFolder folder;
  const std::vector<uint16_t> labels{0, 1, 256, 65'535, 7, 300};
  write_label_png(folder / "labels.png", 2, 3, labels);
  const LabelImage back = read_label_image(folder / "labels.png");
  EXPECT_EQ(back.height, 2);
  EXPECT_EQ(back.width, 3);
  EXPECT_EQ(back.bits_in_file, 16);
  EXPECT_EQ(back.data, (Labels{0, 1, 256, 65'535, 7, 300}));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(LabelPng, SizesMustAgree) {
  EXPECT_THROW(encode_label_png(2, 2, std::vector<uint16_t>(3)), InvalidArgument);
}

// One bit: the values are 0 and 1, not 0 and 255.
TEST(LabelPng, FewBitsKeepTheirValues) {
  const LabelImage labels = read_label_image(golden("bilevel.png"));
  EXPECT_EQ(labels.bits_in_file, 1);
  EXPECT_EQ(*std::max_element(labels.data.begin(), labels.data.end()), 1u);
}

TEST(LabelPng, EqualChannelsAreGrey) {
  Image image = make_image(1, 2, 3);
  image.data = {5, 5, 5, 9, 9, 9};
  const LabelImage labels = decode_label_image(encode_png(image), "m.png");
  EXPECT_EQ(labels.data, (Labels{5, 9}));
  EXPECT_EQ(labels.channels_in_file, 3);
}

TEST(LabelPng, ColourIsRefusedWithItsPlace) {
  Image image = make_image(1, 2, 3);
  image.data = {5, 5, 5, 9, 0, 9};
  EXPECT_EQ(
      io_error([&] { decode_label_image(encode_png(image), "m.png"); }),
      "m.png: a mask must be grey (one channel, or equal ones), got: RGB 9, 0, 9 at x 1, y 0");
}

TEST(LabelPng, TransparencyIsRefused) {
  Image image = make_image(1, 2, 4);
  image.data = {5, 5, 5, 255, 9, 9, 9, 3};
  EXPECT_EQ(io_error([&] { decode_label_image(encode_png(image), "m.png"); }),
            "m.png: a mask must be opaque, got: alpha 3 at x 1, y 0");
  image.data[7] = 255;
  EXPECT_EQ(decode_label_image(encode_png(image), "m.png").data, (Labels{5, 9}));
}

TEST(LabelTiff, EveryWidthKeepsItsValues) {
  EXPECT_EQ(decode_tiff(row_of<uint8_t>({0, 200})).data, (Labels{0, 200}));
  EXPECT_EQ(decode_tiff(row_of<uint16_t>({0, 65'535})).data, (Labels{0, 65'535}));
  EXPECT_EQ(decode_tiff(row_of<uint32_t>({0, 4'000'000'000})).data, (Labels{0, 4'000'000'000}));
  EXPECT_EQ(decode_tiff(row_of<int16_t>({0, 300}, SAMPLEFORMAT_INT)).data, (Labels{0, 300}));
  EXPECT_EQ(decode_tiff(row_of<float>({0, 12}, SAMPLEFORMAT_IEEEFP)).data, (Labels{0, 12}));
}

TEST(LabelTiff, ReadsWhatPillowWrites) {
  const LabelImage labels = read_label_image(golden("ramp16.tif"));
  const LabelImage floats = read_label_image(golden("ramp_float.tif"));
  EXPECT_EQ(labels.at(36, 44), 64'896u);
  EXPECT_EQ(labels.data, floats.data);
}

TEST(LabelTiff, NaNIsNamed) {
  const auto page =
      row_of<float>({0, std::numeric_limits<float>::quiet_NaN()}, SAMPLEFORMAT_IEEEFP);
  EXPECT_EQ(tiff_error(page), "made.tif: a mask must hold numbers, got: NaN at x 1, y 0");
}

TEST(LabelTiff, FractionsInfinitiesAndNegativesAreRefused) {
  EXPECT_EQ(tiff_error(row_of<float>({0.25f}, SAMPLEFORMAT_IEEEFP)),
            "made.tif: a mask must hold whole numbers from 0 to 16777216, got: 0.25 at x 0, y 0");
  EXPECT_NE(tiff_error(row_of<float>({INFINITY}, SAMPLEFORMAT_IEEEFP)).find("got: inf"),
            std::string::npos);
  EXPECT_EQ(tiff_error(row_of<int16_t>({0, -3}, SAMPLEFORMAT_INT)),
            "made.tif: a mask must hold no negative values, got: -3 at x 1, y 0");
}

TEST(LabelTiff, APaletteOfColoursGivesIndicesOneOfGreysGreys) {
  TiffPage page{.height = 1, .width = 3, .bits = 8};
  page.photometric = PHOTOMETRIC_PALETTE;
  page.samples = {0, 1, 2};
  page.colour_map.assign(3 * 256, 0);
  page.colour_map[1] = page.colour_map[257] = page.colour_map[513] = 0xffff;
  LabelImage labels = decode_tiff(page);
  EXPECT_EQ(labels.data, (Labels{0, 255, 0}));
  EXPECT_FALSE(labels.is_palette);
  page.colour_map[2] = 0xffff;
  labels = decode_tiff(page);
  EXPECT_EQ(labels.data, (Labels{0, 1, 2}));
  EXPECT_TRUE(labels.is_palette);
}

TEST(LabelJpeg, GreyInThreeChannelsIsTakenAndMarkedLossy) {
  Image image = make_image(16, 16, 3);
  std::fill(image.data.begin(), image.data.begin() + 8 * 16 * 3, 255);
  const LabelImage labels = decode_label_image(encode_jpeg(image), "m.jpg");
  EXPECT_TRUE(labels.is_lossy);
  EXPECT_NEAR(labels.at(0, 0), 255, 2);
  EXPECT_NEAR(labels.at(15, 15), 0, 2);
}

TEST(LabelJpeg, ColourIsRefused) {
  const std::string said = io_error([] { read_label_image(golden("baseline.jpg")); });
  EXPECT_NE(said.find("a mask must be grey (one channel, or equal ones), got: RGB "), said.npos)
      << said;
}

TEST(MaskImage, ForegroundBecomes255) {
  const std::vector<uint8_t> mask{0, 1, 200, 0};
  EXPECT_EQ(mask_image(2, 2, mask).data, (std::vector<uint8_t>{0, 255, 255, 0}));
  EXPECT_THROW(mask_image(2, 3, mask), InvalidArgument);
}

TEST(ProbabilityImage, RoundsToGrey) {
  const std::vector<float> probabilities{0, 0.5f, 1, 0.001f};
  EXPECT_EQ(probability_image(2, 2, probabilities).data, (std::vector<uint8_t>{0, 128, 255, 0}));
}

TEST(ProbabilityImage, RefusesWhatIsNoProbability) {
  EXPECT_THROW(probability_image(1, 1, std::vector<float>{1.01f}), InvalidArgument);
  EXPECT_THROW(probability_image(1, 1, std::vector<float>{NAN}), InvalidArgument);
}

}  // namespace
}  // namespace tessera::media
