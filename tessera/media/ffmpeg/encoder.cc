#include "tessera/media/ffmpeg/encoder.h"

#include <cstring>
#include <stdexcept>

extern "C" {
#include <libavutil/opt.h>
}

namespace tessera::media::ffmpeg {
namespace {

std::string words(int code) {
  char text[AV_ERROR_MAX_STRING_SIZE] = {};
  av_strerror(code, text, sizeof text);
  return text;
}

void check(int code, const char* action) {
  if (code < 0) throw std::runtime_error(std::string(action) + ": " + words(code));
}

template <typename T>
T* check_memory(T* pointer) {
  if (pointer == nullptr) throw std::runtime_error("out of memory");
  return pointer;
}

void describe_picture(const tessera_ffmpeg_settings& settings, AVCodecContext* codec) {
  codec->width = settings.width;
  codec->height = settings.height;
  codec->pix_fmt = AV_PIX_FMT_YUV420P;  // the only layout that every browser plays
  codec->time_base = {settings.rate_denominator, settings.rate_numerator};
  codec->framerate = {settings.rate_numerator, settings.rate_denominator};
  codec->sample_aspect_ratio = {1, 1};
  codec->color_primaries = AVCOL_PRI_BT709;
  codec->color_trc = AVCOL_TRC_BT709;
  codec->colorspace = AVCOL_SPC_BT709;
  codec->color_range = AVCOL_RANGE_MPEG;
  codec->chroma_sample_location = AVCHROMA_LOC_LEFT;
}

void choose_quality(const tessera_ffmpeg_settings& settings, AVCodecContext* codec) {
  // The number of threads changes x264's choices, so a fixed one keeps a film's bytes the same on
  // every machine. Four is enough to outrun any sampler.
  codec->thread_count = 4;
  codec->flags |= AV_CODEC_FLAG_BITEXACT;
  if (std::strcmp(codec->codec->name, "libx264") == 0) {
    av_opt_set(codec->priv_data, "crf", std::to_string(settings.crf).c_str(), 0);
    av_opt_set(codec->priv_data, "preset", "medium", 0);
  } else {
    // Encoders without a quality target get a generous rate: a quarter of a bit per pixel.
    codec->bit_rate = int64_t{settings.width} * settings.height * settings.rate_numerator /
                      settings.rate_denominator / 4;
    if (codec->bit_rate < 500'000) codec->bit_rate = 500'000;
  }
}

Owned<AVCodecContext> try_open(const AVCodec* encoder, const tessera_ffmpeg_settings& settings,
                               std::string* why) {
  Owned<AVCodecContext> codec(check_memory(avcodec_alloc_context3(encoder)));
  describe_picture(settings, codec.get());
  choose_quality(settings, codec.get());
  codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;  // .mp4 keeps the parameter sets in its header
  const int code = avcodec_open2(codec.get(), encoder, nullptr);
  if (code >= 0) return codec;
  if (why != nullptr) *why = std::string(encoder->name) + ": " + words(code);
  return nullptr;
}

}  // namespace

void FreeContext::operator()(AVFormatContext* context) const {
  if (context->pb != nullptr) avio_closep(&context->pb);
  avformat_free_context(context);
}

Owned<AVCodecContext> open_h264(const tessera_ffmpeg_settings& settings, std::string* why) {
  // Software first: hardware encoders differ between machines, and a film must not.
  const AVCodec* const candidates[] = {avcodec_find_encoder_by_name("libx264"),
                                       avcodec_find_encoder_by_name("libopenh264"),
                                       avcodec_find_encoder(AV_CODEC_ID_H264)};
  if (why != nullptr) *why = "FFmpeg was built without an H.264 encoder";
  for (const AVCodec* encoder : candidates) {
    if (encoder == nullptr) continue;
    if (auto codec = try_open(encoder, settings, why)) return codec;
  }
  return nullptr;
}

Encoder::Encoder(const tessera_ffmpeg_settings& settings) {
  std::string why;
  codec_ = open_h264(settings, &why);
  if (codec_ == nullptr) throw std::runtime_error(why);

  AVFormatContext* format = nullptr;
  // A protocol in front, or FFmpeg takes what stands before a colon in the name for one.
  const std::string url = std::string("file:") + settings.path;
  // The kind is named, since the temporary file's name does not end in .mp4.
  check(avformat_alloc_output_context2(&format, nullptr, "mp4", url.c_str()), "mp4");
  format_.reset(format);
  format->flags |= AVFMT_FLAG_BITEXACT;  // no date and no version, so equal films are equal files
  stream_ = check_memory(avformat_new_stream(format, nullptr));
  check(avcodec_parameters_from_context(stream_->codecpar, codec_.get()), "codec parameters");
  stream_->time_base = codec_->time_base;
  stream_->avg_frame_rate = codec_->framerate;
  check(avio_open(&format->pb, url.c_str(), AVIO_FLAG_WRITE), "open");
  AVDictionary* options = nullptr;
  av_dict_set(&options, "movflags", "+faststart", 0);  // the index first: plays while loading
  const int code = avformat_write_header(format, &options);
  av_dict_free(&options);
  check(code, "header");

  packet_.reset(check_memory(av_packet_alloc()));
  frame_.reset(check_memory(av_frame_alloc()));
  frame_->format = codec_->pix_fmt;
  frame_->width = codec_->width;
  frame_->height = codec_->height;
  check(av_frame_get_buffer(frame_.get(), 0), "frame");
  frame_->pts = 0;
}

void Encoder::write(const uint8_t* const planes[3]) {
  check(av_frame_make_writable(frame_.get()), "frame");
  for (int plane = 0; plane < 3; ++plane) {
    const int width = plane == 0 ? frame_->width : frame_->width / 2;
    const int height = plane == 0 ? frame_->height : frame_->height / 2;
    for (int y = 0; y < height; ++y) {
      std::memcpy(frame_->data[plane] + size_t(y) * frame_->linesize[plane],
                  planes[plane] + size_t(y) * width, width);
    }
  }
  encode(frame_.get());
  ++frame_->pts;
}

void Encoder::encode(AVFrame* frame) {
  check(avcodec_send_frame(codec_.get(), frame), "encode");
  while (true) {
    const int code = avcodec_receive_packet(codec_.get(), packet_.get());
    if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
    check(code, "encode");
    // One tick is one frame; .mp4 wants to know how long the last one lasts.
    packet_->duration = 1;
    av_packet_rescale_ts(packet_.get(), codec_->time_base, stream_->time_base);
    packet_->stream_index = stream_->index;
    check(av_interleaved_write_frame(format_.get(), packet_.get()), "write");
  }
}

void Encoder::finish() {
  encode(nullptr);
  check(av_write_trailer(format_.get()), "trailer");
  check(avio_closep(&format_->pb), "close");
}

}  // namespace tessera::media::ffmpeg
