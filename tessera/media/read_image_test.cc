#include "tessera/media/read_image.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tessera/core/file_io.h"
#include "tessera/media/golden_testing.h"
#include "tessera/media/image_resize.h"
#include "tessera/media/label_image.h"
#include "tessera/media/tiff_testing.h"

namespace tessera::media {
namespace {

std::vector<std::byte> bytes_of_text(const std::string& text) {
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

Image decode_tiff(const TiffPage& page, const ReadOptions& options = {},
                  ImageFacts* facts = nullptr) {
  return decode_image(make_tiff(page), "made.tif", options, facts);
}

int largest_difference(const Image& a, const Image& b) {
  if (a.data.size() != b.data.size()) return 256;
  int most = 0;
  for (size_t i = 0; i < a.data.size(); ++i) most = std::max(most, std::abs(a.data[i] - b.data[i]));
  return most;
}

class PillowTiff : public ::testing::TestWithParam<const char*> {};

TEST_P(PillowTiff, EqualsThePicture) {
  ImageFacts facts;
  const Image image = read_image(golden(std::string(GetParam()) + ".tif"), {}, &facts);
  EXPECT_EQ(image.data, read_image(golden("photo.png")).data);
  EXPECT_EQ(facts.format, ImageFormat::kTiff);
  EXPECT_EQ(facts.channels, 3);
  EXPECT_EQ(facts.bits, 8);
}

INSTANTIATE_TEST_SUITE_P(All, PillowTiff,
                         ::testing::Values("raw", "tiff_lzw", "tiff_adobe_deflate", "packbits",
                                           "zstd"));

class PillowJpeg : public ::testing::TestWithParam<const char*> {};

// Decoders may round differently, so a level or two are free.
TEST_P(PillowJpeg, LooksAsItDoesToPillow) {
  const std::string name = GetParam();
  const Image image = read_image(golden(name + ".jpg"));
  EXPECT_EQ(image.channels, 3);
  EXPECT_LE(largest_difference(image, read_image(golden(name + "_jpg.png"))), 2);
}

INSTANTIATE_TEST_SUITE_P(All, PillowJpeg, ::testing::Values("baseline", "progressive", "grey"));

TEST(ReadImage, JpegInsideATiffIsReadAsRgb) {
  const Image image = read_image(golden("jpeg.tif"));
  EXPECT_LE(largest_difference(image, read_image(golden("photo.png"))), 60);
}

TEST(ReadImage, OrientationIsLeftAsStoredSoThatMasksFit) {
  EXPECT_EQ(read_image(golden("rotated.jpg")).data, read_image(golden("baseline.jpg")).data);
}

TEST(ReadImage, GoesByContentAndNotByName) {
  const testing::TemporaryFolder folder;
  std::filesystem::copy_file(golden("baseline.jpg"), folder / "a.png");
  ImageFacts facts;
  read_image(folder / "a.png", {}, &facts);
  EXPECT_EQ(facts.format, ImageFormat::kJpeg);
}

TEST(ReadImage, PngEqualsReadPng) {
  for (const char* name : {"photo.png", "grey.png", "bilevel.png"}) {
    EXPECT_EQ(read_image(golden(name)).data, read_png(golden(name)).data) << name;
  }
}

TEST(ReadImage, PaletteAndBilevelTiffsBecomeColours) {
  EXPECT_LE(largest_difference(read_image(golden("palette.tif")), read_image(golden("photo.png"))),
            130);
  EXPECT_EQ(read_image(golden("bilevel.tif")).data, read_image(golden("bilevel.png")).data);
}

TEST(ReadImage, TilesPlanesAndByteOrderDoNotMatter) {
  const Image photo = read_image(golden("photo.png"));
  TiffPage page{.height = photo.height, .width = photo.width, .channels = 3};
  page.photometric = PHOTOMETRIC_RGB;
  page.samples = photo.data;
  for (const int tile : {0, 16, 64}) {
    for (const bool is_planar : {false, true}) {
      for (const bool is_big_endian : {false, true}) {
        page.tile = tile;
        page.is_planar = is_planar;
        page.is_big_endian = is_big_endian;
        EXPECT_EQ(decode_tiff(page).data, photo.data) << tile << is_planar << is_big_endian;
      }
    }
  }
}

TEST(ReadImage, BigTiffIsRead) {
  TiffPage page{.height = 1, .width = 2};
  page.is_big_tiff = true;
  page.samples = {7, 9};
  EXPECT_EQ(decode_tiff(page).at(0, 1, 0), 9);
}

TEST(ReadImage, AlphaIsDropped) {
  TiffPage page{.height = 1, .width = 2, .channels = 4};
  page.photometric = PHOTOMETRIC_RGB;
  page.extra = EXTRASAMPLE_UNASSALPHA;
  page.samples = {1, 2, 3, 0, 4, 5, 6, 255};
  EXPECT_EQ(decode_tiff(page).data, (std::vector<uint8_t>{1, 2, 3, 4, 5, 6}));
}

TEST(ReadImage, WhiteAsZeroIsTurnedOver) {
  TiffPage page{.height = 1, .width = 3};
  page.photometric = PHOTOMETRIC_MINISWHITE;
  page.samples = {0, 55, 255};
  EXPECT_EQ(decode_tiff(page).data, (std::vector<uint8_t>{255, 255, 255, 200, 200, 200, 0, 0, 0}));
}

TiffPage deep_page(const std::vector<uint16_t>& values) {
  TiffPage page{.height = 1, .width = int(values.size()), .bits = 16};
  page.samples = bytes_of(values);
  return page;
}

TEST(ReadImage, SixteenBitGreyOfATwelveBitCameraKeepsItsLevels) {
  ImageFacts facts;
  const Image image = decode_tiff(deep_page({0, 1024, 2048, 4095}), {}, &facts);
  EXPECT_EQ(image.at(0, 1, 0), 64);
  EXPECT_EQ(image.at(0, 3, 2), 255);
  EXPECT_EQ(facts.white, 4095);
  EXPECT_EQ(facts.bits, 16);
}

TEST(ReadImage, SixteenBitGreyBeyondTwelveBitsIsDividedBy257) {
  ImageFacts facts;
  const Image image = decode_tiff(deep_page({0, 257, 4096, 65'535}), {}, &facts);
  EXPECT_EQ(image.at(0, 1, 0), 1);
  EXPECT_EQ(image.at(0, 2, 0), 16);
  EXPECT_EQ(image.at(0, 3, 0), 255);
  EXPECT_EQ(facts.white, 65'535);
}

TEST(ReadImage, TheDepthCanBeChosen) {
  const TiffPage page = deep_page({1000, 1500, 2000});
  const Image full = decode_tiff(page, {.depth = DepthRule::kFull});
  EXPECT_EQ(full.at(0, 2, 0), 8);
  ImageFacts facts;
  const Image own = decode_tiff(page, {.depth = DepthRule::kOwnRange}, &facts);
  EXPECT_EQ(own.at(0, 0, 0), 0);
  EXPECT_EQ(own.at(0, 1, 0), 128);
  EXPECT_EQ(own.at(0, 2, 0), 255);
  EXPECT_EQ(facts.black, 1000);
}

TEST(ReadImage, SixteenBitRgbIsDividedBy257EvenWhenDark) {
  TiffPage page{.height = 1, .width = 1, .channels = 3, .bits = 16};
  page.photometric = PHOTOMETRIC_RGB;
  page.samples = bytes_of<uint16_t>({257, 514, 4000});
  EXPECT_EQ(decode_tiff(page).data, (std::vector<uint8_t>{1, 2, 16}));
}

TEST(ReadImage, SixteenBitPngIsRead) {
  const std::vector<uint16_t> values{0, 2048, 4095};
  EXPECT_EQ(decode_image(encode_label_png(1, 3, values), "deep.png").at(0, 1, 0), 128);
}

TEST(ReadImage, FloatNeedsItsOwnRange) {
  EXPECT_EQ(io_error([] { read_image(golden("ramp_float.tif")); }),
            golden("ramp_float.tif").string() +
                ": a picture must have up to 16 bits unsigned unless its own range is asked for, "
                "got: 32 bits float");
  const Image image = read_image(golden("ramp_float.tif"), {.depth = DepthRule::kOwnRange});
  EXPECT_EQ(image.at(0, 0, 0), 0);
  EXPECT_EQ(image.at(36, 44, 1), 255);
}

TEST(ReadImage, NaNIsNamedWithItsPlace) {
  TiffPage page{.height = 1, .width = 2, .bits = 32};
  page.format = SAMPLEFORMAT_IEEEFP;
  page.samples = bytes_of<float>({1, NAN});
  const ReadOptions options{.depth = DepthRule::kOwnRange};
  EXPECT_EQ(io_error([&] { decode_tiff(page, options); }),
            "made.tif: pixels must be finite, got: NaN at x 1, y 0");
}

TEST(ReadImage, CmykIsRefused) {
  EXPECT_EQ(io_error([] { read_image(golden("cmyk.jpg")); }),
            golden("cmyk.jpg").string() + ": a JPEG must be grey or RGB, got: CMYK, 4 channels");
}

// The Adobe marker's last byte tells CMYK (0) from YCCK (2).
TEST(ReadImage, YcckIsRefused) {
  const MappedFile file(golden("cmyk.jpg"));
  std::vector<std::byte> bytes(file.bytes().begin(), file.bytes().end());
  const std::string adobe = "Adobe";
  const auto found = std::search(bytes.begin(), bytes.end(), adobe.begin(), adobe.end(),
                                 [](std::byte a, char b) { return a == std::byte(b); });
  ASSERT_NE(found, bytes.end());
  *(found + 11) = std::byte{2};
  EXPECT_EQ(io_error([&] { decode_image(bytes, "y.jpg"); }),
            "y.jpg: a JPEG must be grey or RGB, got: YCCK (CMYK), 4 channels");
}

TEST(ReadImage, StacksAreRefusedPyramidsAreNot) {
  EXPECT_EQ(io_error([] { read_image(golden("stack.tif")); }),
            golden("stack.tif").string() +
                ": a TIFF must have one page, got: several (a stack or a series)");
  TiffPage large{.height = 2, .width = 2};
  large.samples = {1, 2, 3, 4};
  TiffPage small{.height = 1, .width = 1};
  small.samples = {9};
  small.subfile = FILETYPE_REDUCEDIMAGE;
  EXPECT_EQ(decode_image(make_tiff({large, small}), "pyramid.tif").at(1, 1, 0), 4);
}

TEST(ReadImage, ChannelsThatAreNotColoursAreRefused) {
  TiffPage page{.height = 1, .width = 1, .channels = 2};
  page.extra = EXTRASAMPLE_UNSPECIFIED;
  page.samples = {1, 2};
  const std::string rule =
      "made.tif: a TIFF must have 1 grey or 3 RGB channels, and alpha if any, got: ";
  EXPECT_EQ(io_error([&] { decode_tiff(page); }), rule + "2 channels, grey");
  page.channels = 5;
  page.extra = -1;
  page.samples = {1, 2, 3, 4, 5};
  page.photometric = PHOTOMETRIC_RGB;
  EXPECT_EQ(io_error([&] { decode_tiff(page); }), rule + "5 channels, RGB");
}

TEST(ReadImage, OtherColourSpacesAndDepthsAreNamed) {
  TiffPage page{.height = 1, .width = 1, .channels = 4};
  page.photometric = PHOTOMETRIC_SEPARATED;
  page.samples = {1, 2, 3, 4};
  EXPECT_EQ(io_error([&] { decode_tiff(page); }),
            "made.tif: a TIFF must be grey, RGB or of a palette, got: CMYK (photometric 5)");
  TiffPage wide{.height = 1, .width = 1, .bits = 64};
  wide.format = SAMPLEFORMAT_IEEEFP;
  wide.samples = bytes_of<double>({1});
  EXPECT_EQ(io_error([&] { decode_tiff(wide); }),
            "made.tif: a TIFF must have 1, 2, 4, 8, 16 or 32 bits a channel, or 32-bit float, got: "
            "64 bits float");
}

TEST(ReadImage, OtherFilesAreNamed) {
  const auto said = [](const std::string& text) {
    return io_error([&] { decode_image(bytes_of_text(text), "x"); });
  };
  const std::string rule = "x: must be a PNG, JPEG or TIFF file, got: ";
  EXPECT_EQ(said(""), rule + "an empty file");
  EXPECT_EQ(said("GIF89a"), rule + "GIF");
  EXPECT_EQ(said("BM......"), rule + "BMP");
  EXPECT_EQ(said("hello"), rule + "bytes 68 65 6c 6c 6f");
  EXPECT_EQ(said("version https://git-lfs.github.com/spec/v1\n"),
            rule + "a Git LFS pointer (fetch the file itself with `git lfs pull`)");
}

TEST(ReadImage, LimitsHoldForEveryFormat) {
  for (const char* name : {"photo.png", "baseline.jpg", "tiff_lzw.tif"}) {
    EXPECT_NO_THROW(read_image(golden(name), {.limits = {.max_pixels = 45 * 37}})) << name;
    EXPECT_EQ(io_error([&] { read_image(golden(name), {.limits = {.max_side = 44}}); }),
              golden(name).string() +
                  ": a picture may have 44 pixels a side and 268435456 in all, got: 45 x 37");
  }
}

// 16 x 16 pixels of one colour; the frame header's sides are made 10 000.
TEST(ReadImage, ATinyJpegThatClaimsAHugePictureIsRefusedByItsSize) {
  auto bytes = encode_jpeg(make_image(16, 16, 1));
  for (size_t i = 2; i + 8 < bytes.size(); ++i) {
    if (bytes[i] == std::byte{0xff} && bytes[i + 1] == std::byte{0xc0}) {
      bytes[i + 5] = bytes[i + 7] = std::byte{0x27};  // the high bytes; the low ones are 16
      break;
    }
  }
  EXPECT_NE(
      io_error([&] { decode_image(bytes, "huge.jpg"); }).find("bytes cannot hold 10000 x 10000"),
      std::string::npos)
      << io_error([&] { decode_image(bytes, "huge.jpg"); });
}

TEST(EncodeJpeg, ComesBackCloseToThePicture) {
  const Image photo = resize_bilinear_antialias(read_image(golden("photo.png")), 12, 15);
  EXPECT_LE(largest_difference(decode_image(encode_jpeg(photo, 100), "x.jpg"), photo), 6);
}

}  // namespace
}  // namespace tessera::media
