// The exported table of libtessera_ffmpeg.so: catches every exception at the border.
#include <cstdio>
#include <exception>
#include <string>

extern "C" {
#include <libavutil/log.h>
}

#include "tessera/media/ffmpeg/abi.h"
#include "tessera/media/ffmpeg/encoder.h"

struct tessera_ffmpeg_encoder {
  tessera::media::ffmpeg::Encoder encoder;
};

namespace {

// Runs one call; its exception's text goes to `error`. 0 if there was none.
template <typename Call>
int32_t guarded(char* error, size_t error_size, const Call& call) {
  try {
    call();
    return 0;
  } catch (const std::exception& failure) {
    std::snprintf(error, error_size, "%s", failure.what());
    return 1;
  }
}

const char* version() {
  static const std::string text = [] {
    const unsigned v = avcodec_version();
    return std::to_string(AV_VERSION_MAJOR(v)) + "." + std::to_string(AV_VERSION_MINOR(v)) + "." +
           std::to_string(AV_VERSION_MICRO(v)) + " (libavcodec)";
  }();
  return text.c_str();
}

const char* encoder_name() {
  static const std::string name = [] {
    av_log_set_level(AV_LOG_QUIET);
    tessera_ffmpeg_settings settings{sizeof settings, 320, 192, 16, 1, 16, ""};
    try {
      const auto codec = tessera::media::ffmpeg::open_h264(settings, nullptr);
      return std::string(codec != nullptr ? codec->codec->name : "");
    } catch (const std::exception&) {
      return std::string();
    }
  }();
  return name.empty() ? nullptr : name.c_str();
}

tessera_ffmpeg_encoder* open(const tessera_ffmpeg_settings* settings, char* error,
                             size_t error_size) {
  av_log_set_level(AV_LOG_QUIET);  // libraries do not print; failures come back as texts
  tessera_ffmpeg_encoder* encoder = nullptr;
  guarded(error, error_size, [&] {
    encoder = new tessera_ffmpeg_encoder{tessera::media::ffmpeg::Encoder(*settings)};
  });
  return encoder;
}

int32_t write(tessera_ffmpeg_encoder* encoder, const uint8_t* const planes[3], char* error,
              size_t error_size) {
  return guarded(error, error_size, [&] { encoder->encoder.write(planes); });
}

int32_t finish(tessera_ffmpeg_encoder* encoder, char* error, size_t error_size) {
  return guarded(error, error_size, [&] { encoder->encoder.finish(); });
}

void close(tessera_ffmpeg_encoder* encoder) { delete encoder; }

constexpr tessera_ffmpeg_table kTable = {sizeof(tessera_ffmpeg_table),
                                         TESSERA_FFMPEG_ABI_VERSION,
                                         version,
                                         encoder_name,
                                         open,
                                         write,
                                         finish,
                                         close};

}  // namespace

extern "C" __attribute__((visibility("default"))) const tessera_ffmpeg_table* tessera_ffmpeg_api(
    uint32_t abi_version) {
  return abi_version == TESSERA_FFMPEG_ABI_VERSION ? &kTable : nullptr;
}
