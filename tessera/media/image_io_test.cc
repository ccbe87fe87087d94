#include "tessera/media/image_io.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/random.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::media {
namespace {

Image noise(int height, int width, int channels) {
  Image image = make_image(height, width, channels);
  Random random(height * 131 + width * 7 + channels);
  for (auto& value : image.data) value = uint8_t(random.below(256));
  return image;
}

std::vector<std::byte> from_hex(std::string_view text) {
  std::vector<std::byte> bytes;
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(std::byte(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// Small files, put together by hand from the PNG specification and checked with Pillow.
// 3 x 1 pixels red, blue, red: a palette of two colours, one bit each.
constexpr std::string_view kPalette =
    "89504e470d0a1a0a0000000d4948445200000003000000010103000000212e86f700000006504c5445ff0000"
    "0000ff6ca1fd8e0000000a4944415478da637000000042004184bf8e620000000049454e44ae426082";
// 2 x 1 pixels of 16-bit grey.
constexpr std::string_view kSixteenBits =
    "89504e470d0a1a0a0000000d494844520000000200000001100000000081d9fc150000000d4944415478da63"
    "103209ab0000020d01157620b7d60000000049454e44ae426082";
// Claims 65500 x 4000 pixels RGBA and holds ten bytes of them.
constexpr std::string_view kHuge =
    "89504e470d0a1a0a0000000d494844520000ffdc00000fa008060000008bc9e1780000000b4944415478da63"
    "60800100000a0001ec2403b90000000049454e44ae426082";
// 9 x 9 grey pixels of value 16 y + x, interlaced (Adam7).
constexpr std::string_view kInterlaced =
    "89504e470d0a1a0a0000000d4948445200000009000000090800000001b2fd695a0000006c4944415478da63"
    "60e06068e860606168617070f160606263707263686a6350505251d36048484a49cb60606466656750545655"
    "677074767567484c4e4d67686c6e6d67101014121611151397603030343236313533b76008080c0a0e090d0b"
    "8f6028282c2a2e292d2baf000097e51585c2cc10010000000049454e44ae426082";

class PngChannels : public ::testing::TestWithParam<int> {};

TEST_P(PngChannels, ComeBackAsStored) {
  const Image image = noise(13, 17, GetParam());
  const Image back = decode_png_as_stored(encode_png(image), "picture");
  EXPECT_EQ(back.channels, GetParam());
  EXPECT_EQ(back.height, 13);
  EXPECT_EQ(back.width, 17);
  EXPECT_EQ(back.data, image.data);
}

TEST_P(PngChannels, BecomeRgbWithoutAlpha) {
  const Image image = noise(5, 3, GetParam());
  const Image back = decode_png(encode_png(image), "picture");
  ASSERT_EQ(back.channels, 3);
  for (int y = 0; y < 5; ++y) {
    for (int x = 0; x < 3; ++x) {
      for (int c = 0; c < 3; ++c) {
        EXPECT_EQ(back.at(y, x, c), image.at(y, x, GetParam() < 3 ? 0 : c));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PngChannels, ::testing::Values(1, 2, 3, 4));

TEST(Png, SamePictureGivesSameBytes) {
  EXPECT_EQ(encode_png(noise(9, 9, 3)), encode_png(noise(9, 9, 3)));
}

TEST(Png, IsWrittenInOneStepAndReadBack) {
  const testing::TemporaryFolder folder;
  const Image image = noise(4, 6, 3);
  write_png(folder / "a.png", image);
  EXPECT_EQ(read_png(folder / "a.png").data, image.data);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
}

TEST(Png, PalettesOfFewBitsBecomeColours) {
  const auto bytes = from_hex(kPalette);
  const Image image = decode_png(bytes, "palette");
  EXPECT_EQ(image.width, 3);
  EXPECT_EQ(image.data, (std::vector<uint8_t>{255, 0, 0, 0, 0, 255, 255, 0, 0}));
}

TEST(Png, SixteenBitsAreRefusedNotRounded) {
  const auto bytes = from_hex(kSixteenBits);
  try {
    decode_png(bytes, "deep.png");
    FAIL();
  } catch (const IoError& error) {
    EXPECT_STREQ(error.what(),
                 "deep.png: PNG with 16 bits per channel is not supported, 8 bits are");
  }
}

TEST(Png, ErrorsBeginWithThePath) {
  const testing::TemporaryFolder folder;
  const auto path = folder / "note.png";
  write_file(path, "no picture at all");
  try {
    read_png(path);
    FAIL();
  } catch (const IoError& error) {
    EXPECT_EQ(error.what(), path.string() + ": is not a PNG file");
  }
  EXPECT_THROW(read_png(folder / "missing.png"), IoError);
  EXPECT_THROW(read_png(folder.path()), IoError);
}

TEST(Png, SizeLimitsHoldBeforeMemoryIsTaken) {
  const auto bytes = encode_png(noise(8, 9, 1));
  EXPECT_NO_THROW(decode_png(bytes, "p", {.max_side = 9, .max_pixels = 72}));
  EXPECT_THROW(decode_png(bytes, "p", {.max_side = 8}), IoError);
  EXPECT_THROW(decode_png(bytes, "p", {.max_pixels = 71}), IoError);
}

TEST(Png, ATinyFileThatClaimsAHugePictureIsRefusedByItsSize) {
  const auto bytes = from_hex(kHuge);
  try {
    decode_png(bytes, "huge.png");
    FAIL();
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("cannot hold 65500 x 4000 pixels"), std::string::npos)
        << error.what();
  }
}

TEST(Png, EveryTruncationGivesAnErrorOrThePicture) {
  const Image image = noise(19, 23, 3);
  const auto bytes = encode_png(image);
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(decode_png(std::span(bytes).first(size), "cut"), IoError) << size;
  }
}

// Anything may come out but a crash or another kind of exception: a flipped bit in an ancillary
// chunk leaves a good picture, everything else is an IoError.
TEST(Png, RandomDamageNeverCrashes) {
  Random random(5);
  const std::vector<std::byte> originals[] = {encode_png(noise(19, 23, 3)),
                                              encode_png(noise(7, 31, 1)), from_hex(kPalette),
                                              from_hex(kInterlaced)};
  int refused = 0;
  constexpr int kRounds = 8000;
  for (int round = 0; round < kRounds; ++round) {
    auto bytes = originals[round % 4];
    for (int64_t flips = 1 + random.below(8); flips > 0; --flips) {
      bytes[random.below(bytes.size())] = std::byte(random.below(256));
    }
    if (random.below(4) == 0) bytes.resize(random.below(bytes.size()));
    try {
      const Image image = decode_png(bytes, "damaged", {.max_pixels = 1 << 22});
      check_image(image, "test");
    } catch (const IoError&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, kRounds / 2);
}

TEST(Png, InterlacedPicturesAreReadWhole) {
  const Image image = decode_png(from_hex(kInterlaced), "interlaced");
  ASSERT_EQ(image.height, 9);
  ASSERT_EQ(image.width, 9);
  for (int y = 0; y < 9; ++y) {
    for (int x = 0; x < 9; ++x) EXPECT_EQ(image.at(y, x, 1), y * 16 + x);
  }
}

TEST(Png, WritingRefusesAPictureWhoseBytesDoNotFit) {
  Image image = noise(2, 2, 3);
  image.data.pop_back();
  EXPECT_THROW(encode_png(image), InvalidArgument);
}

}  // namespace
}  // namespace tessera::media
