#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/film_sinks.h"
#include "tessera/media/y4m.h"

namespace tessera::media {
namespace {

class Y4mWriter : public VideoWriter {
 public:
  Y4mWriter(const std::filesystem::path& path, const FilmFormat& format, const FilmOptions& options)
      : file_(path), path_(path), format_(format) {
    yuv_ = {format.height, format.width, options.y4m_chroma, options.y4m_matrix,
            ChromaSiting::kCentre};
    const FrameRate rate = frame_rate(format.fps);
    file_.write(concat("YUV4MPEG2 W", format.width, " H", format.height, " F", rate.numerator, ":",
                       rate.denominator, " Ip A1:1 C",
                       yuv_.chroma == Chroma::k420 ? "420jpeg" : "444",
                       " XCOLORRANGE=LIMITED XTESSERA_MATRIX=",
                       yuv_.matrix == YuvMatrix::kBt601 ? "BT601" : "BT709", "\n"));
  }

  void write(std::span<const uint8_t> rgb) override {
    check_frame_bytes(rgb, format_);
    const YuvPlanes planes = rgb_to_yuv(rgb, yuv_);
    file_.write("FRAME\n");
    for (const auto* plane : {&planes.y, &planes.cb, &planes.cr}) {
      file_.write(std::as_bytes(std::span(*plane)));
    }
    ++num_frames_;
  }

  void finish() override {
    TESSERA_CHECK(num_frames_ > 0, path_.string(), ": a film has at least one frame, got: 0");
    file_.commit();
  }

 private:
  AtomicFile file_;
  std::filesystem::path path_;
  FilmFormat format_;
  YuvFormat yuv_;
  int num_frames_ = 0;
};

}  // namespace

std::unique_ptr<VideoWriter> make_y4m_writer(const std::filesystem::path& path,
                                             const FilmFormat& format, const FilmOptions& options) {
  return std::make_unique<Y4mWriter>(path, format, options);
}

}  // namespace tessera::media
