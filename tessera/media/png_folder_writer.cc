#include <cstdio>
#include <system_error>

#include <unistd.h>

#include "tessera/core/error.h"
#include "tessera/media/film_sinks.h"
#include "tessera/media/image_io.h"

namespace tessera::media {
namespace {

namespace fs = std::filesystem;

void check(const std::error_code& error, const fs::path& path) {
  if (error) throw IoError(concat(path.string(), ": cannot be written: ", error.message()));
}

class PngFolderWriter : public VideoWriter {
 public:
  PngFolderWriter(const fs::path& path, const FilmFormat& format)
      : path_(path.has_filename() ? path : path.parent_path()), format_(format) {
    temporary_ = path_.string() + concat(".part-", ::getpid());
    std::error_code error;
    fs::remove_all(temporary_, error);  // left by a process of the same number that was killed
    fs::create_directory(temporary_, error);
    check(error, path_);
  }

  ~PngFolderWriter() override {
    std::error_code ignored;
    if (!is_finished_) fs::remove_all(temporary_, ignored);
  }

  void write(std::span<const uint8_t> rgb) override {
    check_frame_bytes(rgb, format_);
    const Image image{format_.height, format_.width, 3, {rgb.begin(), rgb.end()}};
    const std::string file_name = frame_file_name(num_frames_);
    try {
      write_png(temporary_ / file_name, image);
    } catch (const IoError& error) {
      // Named by the place that was asked for; the temporary one is gone when this is read.
      const std::string text = error.what(), prefix = (temporary_ / file_name).string();
      throw IoError((path_ / file_name).string() + text.substr(prefix.size()));
    }
    ++num_frames_;
  }

  void finish() override {
    TESSERA_CHECK(num_frames_ > 0, path_.string(), ": a film has at least one frame, got: 0");
    // rename() replaces an empty folder but no other, so an old film steps aside first and comes
    // back if the new one cannot take its place.
    const fs::path old = path_.string() + concat(".old-", ::getpid());
    std::error_code error, ignored;
    const bool has_old = fs::is_directory(path_, ignored) && !fs::is_empty(path_, ignored);
    if (has_old) {
      if (!is_frame_folder(path_)) {
        throw IoError(concat(path_.string(), ": is a folder that holds more than frame_*.png"));
      }
      fs::rename(path_, old, error);
      check(error, path_);
    }
    fs::rename(temporary_, path_, error);
    if (error && has_old) fs::rename(old, path_, ignored);
    check(error, path_);
    is_finished_ = true;
    if (has_old) fs::remove_all(old, ignored);
  }

 private:
  fs::path path_, temporary_;
  FilmFormat format_;
  int num_frames_ = 0;
  bool is_finished_ = false;
};

}  // namespace

std::string frame_file_name(int index) {
  char name[32];
  std::snprintf(name, sizeof name, "frame_%04d.png", index);
  return name;
}

bool is_frame_folder(const fs::path& path) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    const bool is_frame = name.rfind("frame_", 0) == 0 && entry.path().extension() == ".png";
    if (!is_frame || !entry.is_regular_file(error)) return false;
  }
  return !error;
}

std::unique_ptr<VideoWriter> make_png_folder_writer(const fs::path& path,
                                                    const FilmFormat& format) {
  return std::make_unique<PngFolderWriter>(path, format);
}

}  // namespace tessera::media
