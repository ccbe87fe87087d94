// The module's films, read back by FFmpeg's own demuxer and decoder.
#include "tessera/media/ffmpeg.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/ffmpeg/encoder.h"
#include "tessera/media/quality.h"
#include "tessera/media/video_writer.h"
#include "tessera/media/yuv.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::media {
namespace {

Frames moving_disc(int num_frames, int height, int width) {
  Frames film = make_frames(num_frames, height, width, 16);
  for (int f = 0; f < num_frames; ++f) {
    for (int y = 0; y < height; ++y) {
      for (int x = 0; x < width; ++x) {
        const double distance = std::hypot(x - width / 4.0 - 2 * f, y - height / 2.0);
        const double disc = 1 / (1 + std::exp(distance - height / 4.0));
        film.at(f, y, x, 0) = uint8_t(200 * disc + 30);
        film.at(f, y, x, 1) = uint8_t(60 + 80 * y / height);
        film.at(f, y, x, 2) = uint8_t(150 - 90 * disc);
      }
    }
  }
  return film;
}

struct Decoded {
  Frames film;
  ffmpeg::Owned<AVCodecContext> codec;
};

YuvPlanes planes_of(const AVFrame& frame) {
  YuvPlanes planes;
  std::vector<uint8_t>* const targets[] = {&planes.y, &planes.cb, &planes.cr};
  for (int plane = 0; plane < 3; ++plane) {
    const int height = plane == 0 ? frame.height : frame.height / 2;
    const int width = plane == 0 ? frame.width : frame.width / 2;
    for (int y = 0; y < height; ++y) {
      const uint8_t* row = frame.data[plane] + size_t(y) * frame.linesize[plane];
      targets[plane]->insert(targets[plane]->end(), row, row + width);
    }
  }
  return planes;
}

void take_frames(AVFrame* frame, Decoded* decoded) {
  while (avcodec_receive_frame(decoded->codec.get(), frame) == 0) {
    Frames& film = decoded->film;
    film.height = frame->height;
    film.width = frame->width;
    film.rgb.resize(film.rgb.size() + film.frame_bytes());
    ++film.num_frames;
    yuv_to_rgb(planes_of(*frame),
               {frame->height, frame->width, Chroma::k420, YuvMatrix::kBt709, ChromaSiting::kLeft},
               film.frame(film.num_frames - 1));
  }
}

Decoded decode(const std::filesystem::path& path) {
  Decoded decoded;
  AVFormatContext* format = nullptr;
  if (avformat_open_input(&format, path.c_str(), nullptr, nullptr) != 0) throw Error("open");
  if (avformat_find_stream_info(format, nullptr) < 0) throw Error("streams");
  const AVStream* stream = format->streams[0];
  decoded.film.fps = av_q2d(stream->avg_frame_rate);
  const AVCodec* codec = avcodec_find_decoder(stream->codecpar->codec_id);
  decoded.codec.reset(avcodec_alloc_context3(codec));
  avcodec_parameters_to_context(decoded.codec.get(), stream->codecpar);
  if (avcodec_open2(decoded.codec.get(), codec, nullptr) < 0) throw Error("codec");
  ffmpeg::Owned<AVPacket> packet(av_packet_alloc());
  ffmpeg::Owned<AVFrame> frame(av_frame_alloc());
  while (av_read_frame(format, packet.get()) == 0) {
    avcodec_send_packet(decoded.codec.get(), packet.get());
    av_packet_unref(packet.get());
    take_frames(frame.get(), &decoded);
  }
  avcodec_send_packet(decoded.codec.get(), nullptr);
  take_frames(frame.get(), &decoded);
  avformat_close_input(&format);
  return decoded;
}

class Mp4 : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!ffmpeg_status().can_write_mp4) GTEST_SKIP() << ffmpeg_status().reason;
  }
  testing::TemporaryFolder folder_;
};

TEST_F(Mp4, DecodesToTheSameFilm) {
  const Frames film = moving_disc(21, 96, 160);
  write_film(folder_ / "a.mp4", film);
  const Decoded back = decode(folder_ / "a.mp4");
  ASSERT_EQ(back.film.num_frames, 21);
  ASSERT_EQ(back.film.width, 160);
  EXPECT_EQ(back.film.fps, 16);
  const FilmQuality quality = compare_films(film, back.film);
  EXPECT_GT(quality.psnr, 40);
  EXPECT_GT(quality.ssim, 0.97);
}

TEST_F(Mp4, CarriesTheTagsThatBrowsersNeed) {
  write_film(folder_ / "a.mp4", moving_disc(3, 64, 64));
  const Decoded back = decode(folder_ / "a.mp4");
  EXPECT_EQ(back.codec->codec_id, AV_CODEC_ID_H264);
  EXPECT_EQ(back.codec->pix_fmt, AV_PIX_FMT_YUV420P);
  EXPECT_EQ(back.codec->colorspace, AVCOL_SPC_BT709);
  EXPECT_EQ(back.codec->color_primaries, AVCOL_PRI_BT709);
  EXPECT_EQ(back.codec->color_trc, AVCOL_TRC_BT709);
  EXPECT_EQ(back.codec->color_range, AVCOL_RANGE_MPEG);
}

TEST_F(Mp4, HasItsIndexInFrontOfTheData) {
  write_film(folder_ / "a.mp4", moving_disc(3, 64, 64));
  const MappedFile file(folder_ / "a.mp4");
  const std::string_view bytes(reinterpret_cast<const char*>(file.bytes().data()),
                               file.bytes().size());
  EXPECT_LT(bytes.find("moov"), bytes.find("mdat"));
}

TEST_F(Mp4, SameFilmGivesTheSameBytes) {
  const Frames film = moving_disc(20, 64, 96);
  write_film(folder_ / "a.mp4", film);
  write_film(folder_ / "b.mp4", film);
  EXPECT_EQ(sha256_of_file(folder_ / "a.mp4"), sha256_of_file(folder_ / "b.mp4"));
}

TEST_F(Mp4, AHigherRateFactorMakesASmallerFile) {
  const Frames film = moving_disc(10, 64, 96);
  write_film(folder_ / "a.mp4", film, {.crf = 10});
  write_film(folder_ / "b.mp4", film, {.crf = 40});
  EXPECT_GT(std::filesystem::file_size(folder_ / "a.mp4"),
            std::filesystem::file_size(folder_ / "b.mp4"));
}

TEST_F(Mp4, ATinyFilmOfOneFrameIsPossible) {
  write_film(folder_ / "a.mp4", moving_disc(1, 2, 2));
  EXPECT_EQ(decode(folder_ / "a.mp4").film.num_frames, 1);
}

TEST(FfmpegModule, ReportsItself) {
  const FfmpegStatus& status = ffmpeg_status();
  ASSERT_FALSE(status.module_path.empty()) << status.reason;
  EXPECT_FALSE(status.version.empty());
  EXPECT_EQ(status.can_write_mp4, status.reason.empty());
}

}  // namespace
}  // namespace tessera::media
