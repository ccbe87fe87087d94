#include "tessera/media/y4m.h"

#include <cmath>
#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/random.h"
#include "tessera/media/video_writer.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::media {
namespace {

Frames smooth_film(int num_frames, int height, int width) {
  Frames film = make_frames(num_frames, height, width, 24);
  for (int f = 0; f < num_frames; ++f) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        film.at(f, y, x, 0) = uint8_t(40 + 3 * x);
        film.at(f, y, x, 1) = uint8_t(90 + 2 * y);
        film.at(f, y, x, 2) = uint8_t(60 + 10 * f);
      }
    }
  }
  return film;
}

int largest_difference(const Frames& a, const Frames& b) {
  int largest = 0;
  for (size_t i = 0; i < a.rgb.size(); ++i) {
    largest = std::max(largest, std::abs(int(a.rgb[i]) - b.rgb[i]));
  }
  return largest;
}

struct Kind {
  Chroma chroma;
  YuvMatrix matrix;
  int height, width;
};

class Y4mRoundTrip : public ::testing::TestWithParam<Kind> {};

TEST_P(Y4mRoundTrip, KeepsSizeRateAndColours) {
  const testing::TemporaryFolder folder;
  const Kind& kind = GetParam();
  const Frames film = smooth_film(3, kind.height, kind.width);
  write_film(folder / "a.y4m", film, {.y4m_chroma = kind.chroma, .y4m_matrix = kind.matrix});
  const Frames back = read_y4m(folder / "a.y4m");
  EXPECT_EQ(back.num_frames, 3);
  EXPECT_EQ(back.height, kind.height);
  EXPECT_EQ(back.width, kind.width);
  EXPECT_EQ(back.fps, 24);
  EXPECT_LE(largest_difference(film, back), kind.chroma == Chroma::k444 ? 2 : 5);
}

INSTANTIATE_TEST_SUITE_P(Kinds, Y4mRoundTrip,
                         ::testing::Values(Kind{Chroma::k444, YuvMatrix::kBt601, 8, 12},
                                           Kind{Chroma::k444, YuvMatrix::kBt709, 7, 5},
                                           Kind{Chroma::k420, YuvMatrix::kBt601, 8, 12},
                                           Kind{Chroma::k420, YuvMatrix::kBt709, 7, 5}));

TEST(Y4m, BytesAreTheHeaderAndPlanes) {
  const testing::TemporaryFolder folder;
  Frames film = make_frames(1, 1, 2, 24000.0 / 1001);
  film.rgb = {255, 255, 255, 255, 0, 0};
  write_film(folder / "a.y4m", film);
  EXPECT_EQ(read_text(folder / "a.y4m"),
            "YUV4MPEG2 W2 H1 F24000:1001 Ip A1:1 C444 XCOLORRANGE=LIMITED XTESSERA_MATRIX=BT601\n"
            "FRAME\n\xEB\x51\x80\x5A\x80\xF0");
}

TEST(FrameRate, IsExactForTheRatesInUse) {
  const auto is = [](double fps, int numerator, int denominator) {
    const FrameRate rate = frame_rate(fps);
    return rate.numerator == numerator && rate.denominator == denominator;
  };
  EXPECT_TRUE(is(16, 16, 1));
  EXPECT_TRUE(is(23.976, 24000, 1001));
  EXPECT_TRUE(is(29.97, 30000, 1001));
  EXPECT_TRUE(is(59.94, 60000, 1001));
  EXPECT_TRUE(is(12.5, 12500, 1000));
  EXPECT_TRUE(is(0.0001, 1, 1000));
  EXPECT_THROW(frame_rate(0), InvalidArgument);
  EXPECT_THROW(frame_rate(std::nan("")), InvalidArgument);
}

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string read_failure(const std::string& content) {
  try {
    decode_y4m(bytes_of(content), "a.y4m", 1 << 20);
    return "no failure";
  } catch (const IoError& error) {
    return error.what();
  }
}

TEST(Y4mRead, SaysWhatIsWrong) {
  EXPECT_EQ(read_failure("RIFF"), "a.y4m: is not a .y4m file");
  EXPECT_EQ(read_failure("YUV4MPEG2 W2 H1"),
            "a.y4m: damaged .y4m: a header line without end at byte 0");
  EXPECT_EQ(read_failure("YUV4MPEG2 W2\n"), "a.y4m: damaged .y4m: no width or height");
  EXPECT_EQ(read_failure("YUV4MPEG2 W0 H1\n"),
            "a.y4m: damaged .y4m: a number from 1 to 65535 is expected, got: 0");
  EXPECT_EQ(read_failure("YUV4MPEG2 W2 H1 C444\n"), "a.y4m: damaged .y4m: no frame");
  EXPECT_EQ(read_failure("YUV4MPEG2 W2 H1 C444\nFRAME\nabc"),
            "a.y4m: damaged .y4m: the file is cut off within a frame");
  EXPECT_EQ(read_failure("YUV4MPEG2 W2 H1 C444\nFILM\nabcdef"),
            "a.y4m: damaged .y4m: FRAME is expected before frame 0");
  EXPECT_EQ(read_failure("YUV4MPEG2 W2 H2 It\n"),
            "a.y4m: interlaced film is not supported, got: It");
  EXPECT_EQ(read_failure("YUV4MPEG2 W2 H2 C420p10\n"),
            "a.y4m: chroma must be 420jpeg, 420mpeg2, 420paldv, 420, 444 or mono, got: 420p10");
}

TEST(Y4mRead, TakesGreyAndFullRange) {
  const std::string text = "YUV4MPEG2 W2 H1 F16:1 Cmono XCOLORRANGE=FULL\nFRAME\n";
  EXPECT_EQ(decode_y4m(bytes_of(text + '\0' + '\xFF'), "grey").rgb,
            (std::vector<uint8_t>{0, 0, 0, 255, 255, 255}));
}

TEST(Y4mRead, RefusesAFilmOverTheLimit) {
  const testing::TemporaryFolder folder;
  write_film(folder / "a.y4m", smooth_film(3, 8, 8));
  EXPECT_NO_THROW(read_y4m(folder / "a.y4m", 576));
  EXPECT_THROW(read_y4m(folder / "a.y4m", 575), IoError);
}

TEST(Y4mRead, RandomDamageNeverCrashes) {
  const testing::TemporaryFolder folder;
  write_film(folder / "a.y4m", smooth_film(2, 5, 7), {.y4m_chroma = Chroma::k420});
  const std::string original = read_text(folder / "a.y4m");
  Random random(9);
  int refused = 0;
  for (int round = 0; round < 8000; ++round) {
    std::string text = original;
    for (int64_t flips = 1 + random.below(4); flips > 0; --flips) {
      text[random.below(100)] = char(random.below(256));  // the header and the first pixels
    }
    if (random.below(4) == 0) text.resize(random.below(text.size()));
    refused += read_failure(text) != "no failure";
  }
  EXPECT_GT(refused, 2000);
}

}  // namespace
}  // namespace tessera::media
