// One H.264 film in an .mp4 file, through FFmpeg's libraries; private to the module.
//
// Follows FFmpeg's documented order: output context, codec, stream, header, frames, trailer
// (libavformat/avformat.h, libavcodec/avcodec.h of FFmpeg 5 and later).
#pragma once

#include <cstdint>
#include <memory>
#include <string>

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}

#include "tessera/media/ffmpeg/abi.h"

namespace tessera::media::ffmpeg {

struct FreeContext {
  void operator()(AVFormatContext* context) const;
  void operator()(AVCodecContext* context) const { avcodec_free_context(&context); }
  void operator()(AVFrame* frame) const { av_frame_free(&frame); }
  void operator()(AVPacket* packet) const { av_packet_free(&packet); }
};

template <typename T>
using Owned = std::unique_ptr<T, FreeContext>;

/// An H.264 encoder that opens for films of this size, by preference; nullptr if none does. `why`
/// (may be nullptr) receives FFmpeg's reason for the last one tried.
Owned<AVCodecContext> open_h264(const tessera_ffmpeg_settings& settings, std::string* why);

/// Throws std::runtime_error with FFmpeg's words.
class Encoder {
 public:
  explicit Encoder(const tessera_ffmpeg_settings& settings);

  void write(const uint8_t* const planes[3]);
  void finish();

 private:
  /// Gives the codec a picture (nullptr: no more) and writes what it has ready.
  void encode(AVFrame* frame);

  Owned<AVCodecContext> codec_;
  Owned<AVFormatContext> format_;
  Owned<AVFrame> frame_;
  Owned<AVPacket> packet_;
  AVStream* stream_ = nullptr;
};

}  // namespace tessera::media::ffmpeg
