// Thousands of damaged files for each format: whatever comes, a picture or an IoError comes out,
// and nothing is printed.
#include <cstdio>
#include <string>

#include <unistd.h>

#include <gtest/gtest.h>

#include "tessera/core/file_io.h"
#include "tessera/core/random.h"
#include "tessera/media/golden_testing.h"
#include "tessera/media/label_image.h"
#include "tessera/media/tiff_testing.h"

namespace tessera::media {
namespace {

using Bytes = std::vector<std::byte>;

Bytes golden_bytes(const std::string& name) {
  const MappedFile file(golden(name));
  return {file.bytes().begin(), file.bytes().end()};
}

Bytes small_tiff(int compression, int bits, int tile, bool is_planar) {
  TiffPage page{.height = 21, .width = 19, .channels = bits == 32 ? 1 : 3, .bits = bits};
  page.photometric = page.channels == 3 ? PHOTOMETRIC_RGB : PHOTOMETRIC_MINISBLACK;
  page.compression = compression;
  page.tile = tile;
  page.is_planar = is_planar;
  for (int i = 0; i < 21 * 19 * page.channels * bits / 8; ++i) {
    page.samples.push_back(uint8_t(i * i / 90));
  }
  return make_tiff(page);
}

std::vector<Bytes> originals(const std::string& format) {
  if (format == "png") {
    return {golden_bytes("grey.png"), golden_bytes("bilevel.png"), golden_bytes("photo_16x16.png"),
            encode_label_png(5, 9, std::vector<uint16_t>(45, 700))};
  }
  if (format == "jpeg") {
    return {golden_bytes("baseline.jpg"), golden_bytes("progressive.jpg"), golden_bytes("grey.jpg"),
            golden_bytes("cmyk.jpg")};
  }
  return {small_tiff(COMPRESSION_LZW, 8, 0, false),
          small_tiff(COMPRESSION_ADOBE_DEFLATE, 16, 16, true),
          small_tiff(COMPRESSION_PACKBITS, 8, 0, true),
          small_tiff(COMPRESSION_NONE, 32, 16, false),
          golden_bytes("bilevel.tif"),
          golden_bytes("palette.tif"),
          golden_bytes("jpeg.tif")};
}

// A few wrong bytes, most of them near the start, where the structure is; a cut; a doubled part.
Bytes damage(Bytes bytes, Random* random) {
  for (int64_t flips = 1 + random->below(6); flips > 0; --flips) {
    const bool is_near = random->below(3) > 0;
    const size_t place =
        random->below(is_near ? std::min<size_t>(bytes.size(), 400) : bytes.size());
    constexpr uint8_t kNasty[] = {0, 1, 0x7f, 0x80, 0xff};
    bytes[place] =
        random->below(2) == 0 ? std::byte{kNasty[random->below(5)]} : std::byte(random->below(256));
  }
  if (random->below(5) == 0) bytes.resize(1 + random->below(bytes.size()));
  return bytes;
}

// True if the file was read.
bool survives(const Bytes& bytes) {
  const ImageLimits limits{.max_pixels = 1 << 18};
  bool is_read = false;
  try {
    check_image(decode_image(bytes, "damaged", {.limits = limits, .depth = DepthRule::kOwnRange}),
                "test");
    is_read = true;
  } catch (const IoError& error) {
    EXPECT_EQ(std::string(error.what()).rfind("damaged: ", 0), 0u) << error.what();
  }
  try {
    const LabelImage labels = decode_label_image(bytes, "damaged", limits);
    EXPECT_EQ(labels.data.size(), size_t(labels.height) * labels.width);
  } catch (const IoError&) {
  }
  return is_read;
}

class DamagedImages : public ::testing::TestWithParam<const char*> {};

TEST_P(DamagedImages, NeverCrashAndNeverPrint) {
  Random random(11);
  const auto files = originals(GetParam());
  constexpr int kRounds = 4000;
  int read = 0;
  ::testing::internal::CaptureStderr();
  for (int round = 0; round < kRounds; ++round) {
    read += survives(damage(files[round % files.size()], &random));
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_LT(read, kRounds * 3 / 4);
}

// Data cut anywhere is an error, never a picture with a grey rest.
TEST_P(DamagedImages, TruncationIsAlwaysNoticed) {
  for (const Bytes& bytes : originals(GetParam())) {
    const size_t step = std::max<size_t>(1, bytes.size() / 150);
    for (size_t size = 0; size + 2 < bytes.size(); size += step) {
      EXPECT_THROW(
          decode_image(std::span(bytes).first(size), "cut", {.depth = DepthRule::kOwnRange}),
          IoError)
          << size << " of " << bytes.size();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, DamagedImages, ::testing::Values("png", "jpeg", "tiff"));

}  // namespace
}  // namespace tessera::media
