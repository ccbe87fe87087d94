#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/core/module_loader.h"
#include "tessera/media/ffmpeg.h"
#include "tessera/media/ffmpeg/abi.h"
#include "tessera/media/film_sinks.h"
#include "tessera/media/y4m.h"

namespace tessera::media {
namespace {

struct LoadedFfmpeg {
  FfmpegStatus status;
  const tessera_ffmpeg_table* table = nullptr;
};

LoadedFfmpeg load() {
  LoadedFfmpeg loaded;
  FfmpegStatus& status = loaded.status;
  const LoadedModule& module = load_module("libtessera_ffmpeg.so");
  if (module.handle == nullptr) {
    status.reason = module.error;
    return loaded;
  }
  status.module_path = module.path;
  const auto entry = reinterpret_cast<tessera_ffmpeg_entry>(module.symbol(TESSERA_FFMPEG_ENTRY));
  const tessera_ffmpeg_table* table =
      entry != nullptr ? entry(TESSERA_FFMPEG_ABI_VERSION) : nullptr;
  if (table == nullptr || table->struct_size < sizeof(tessera_ffmpeg_table)) {
    status.reason = concat(status.module_path, " is of another version of tessera");
    return loaded;
  }
  loaded.table = table;
  status.version = table->version();
  if (const char* encoder = table->encoder_name()) status.encoder = encoder;
  status.can_write_mp4 = !status.encoder.empty();
  if (!status.can_write_mp4) {
    status.reason = concat("FFmpeg ", status.version, " has no H.264 encoder that works here");
  }
  return loaded;
}

// Once per process: codecs do not come and go while it runs.
const LoadedFfmpeg& loaded_ffmpeg() {
  static const LoadedFfmpeg loaded = load();
  return loaded;
}

class Mp4Writer : public VideoWriter {
 public:
  Mp4Writer(const std::filesystem::path& path, const FilmFormat& format, const FilmOptions& options)
      : table_(*loaded_ffmpeg().table), file_(path), path_(path), format_(format) {
    yuv_ = {format.height, format.width, Chroma::k420, YuvMatrix::kBt709, ChromaSiting::kLeft};
    const FrameRate rate = frame_rate(format.fps);
    tessera_ffmpeg_settings settings{};
    settings.struct_size = sizeof settings;
    settings.width = format.width;
    settings.height = format.height;
    settings.rate_numerator = rate.numerator;
    settings.rate_denominator = rate.denominator;
    settings.crf = options.crf;
    settings.path = file_.temporary_path().c_str();
    encoder_ = table_.open(&settings, error_, sizeof error_);
    if (encoder_ == nullptr) fail();
  }

  ~Mp4Writer() override {
    if (encoder_ != nullptr) table_.close(encoder_);
  }

  void write(std::span<const uint8_t> rgb) override {
    check_frame_bytes(rgb, format_);
    const YuvPlanes planes = rgb_to_yuv(rgb, yuv_);
    const uint8_t* const pointers[3] = {planes.y.data(), planes.cb.data(), planes.cr.data()};
    if (table_.write(encoder_, pointers, error_, sizeof error_) != 0) fail();
    ++num_frames_;
  }

  void finish() override {
    TESSERA_CHECK(num_frames_ > 0, path_.string(), ": a film has at least one frame, got: 0");
    if (table_.finish(encoder_, error_, sizeof error_) != 0) fail();
    table_.close(encoder_);
    encoder_ = nullptr;
    file_.commit();
  }

 private:
  [[noreturn]] void fail() const {
    throw IoError(concat(path_.string(), ": cannot be written: ", error_));
  }

  const tessera_ffmpeg_table& table_;
  AtomicFile file_;
  std::filesystem::path path_;
  FilmFormat format_;
  YuvFormat yuv_;
  tessera_ffmpeg_encoder* encoder_ = nullptr;
  int num_frames_ = 0;
  char error_[300] = {};
};

}  // namespace

const FfmpegStatus& ffmpeg_status() { return loaded_ffmpeg().status; }

std::unique_ptr<VideoWriter> make_mp4_writer(const std::filesystem::path& path,
                                             const FilmFormat& format, const FilmOptions& options) {
  return std::make_unique<Mp4Writer>(path, format, options);
}

}  // namespace tessera::media
