#include "tessera/media/video_writer.h"

#include <algorithm>
#include <cctype>
#include <string>
#include <system_error>

#include <unistd.h>

#include "tessera/core/error.h"
#include "tessera/media/ffmpeg.h"
#include "tessera/media/film_sinks.h"
#include "tessera/media/y4m.h"

namespace tessera::media {
namespace {

namespace fs = std::filesystem;

std::string lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return char(std::tolower(c)); });
  return text;
}

void check_mp4(const fs::path& path, const FilmFormat& format, const FilmOptions& options) {
  TESSERA_CHECK(format.height % 2 == 0 && format.width % 2 == 0, path.string(),
                ": .mp4 (H.264, yuv420p) needs even sides, got: ", format.width, "x", format.height,
                "; a .y4m film or a folder of PNG frames takes any size");
  TESSERA_CHECK(options.crf >= 0 && options.crf <= 51, path.string(),
                ": crf must lie in [0, 51], got: ", options.crf);
  const FfmpegStatus& ffmpeg = ffmpeg_status();
  if (!ffmpeg.can_write_mp4) {
    throw Unsupported(concat(path.string(), ": .mp4 cannot be written here: ", ffmpeg.reason,
                             "; what works: a .y4m film, or a folder of PNG frames (a name "
                             "without extension)"));
  }
}

}  // namespace

FilmKind film_kind(const fs::path& path) {
  TESSERA_CHECK(!path.empty(), "[film_kind] an output needs a name, got: an empty one");
  std::error_code ignored;
  if (!path.has_filename() || fs::is_directory(path, ignored)) return FilmKind::kPngFolder;
  const std::string extension = lower_case(path.extension().string());
  if (extension == ".y4m") return FilmKind::kY4m;
  if (extension == ".mp4") return FilmKind::kMp4;
  TESSERA_CHECK(extension.empty(), path.string(),
                ": a film can be .mp4, .y4m, or a folder of PNG frames (a name without extension, "
                "or one that ends in /), got: ",
                extension);
  return FilmKind::kPngFolder;
}

void check_film_output(const fs::path& path, const FilmFormat& format, const FilmOptions& options) {
  const FilmKind kind = film_kind(path);
  TESSERA_CHECK(
      format.height >= 1 && format.width >= 1 && format.height <= 16'384 && format.width <= 16'384,
      path.string(), ": sides must lie in [1, 16384], got: ", format.width, "x", format.height);
  frame_rate(format.fps);  // refuses a rate that no film can have
  if (kind == FilmKind::kMp4) check_mp4(path, format, options);
}

void check_parent_folder(const fs::path& path) {
  const fs::path named = path.has_filename() ? path : path.parent_path();
  const fs::path name = named.filename();
  TESSERA_CHECK(!name.empty() && name != "." && name != "..", path.string(),
                ": an output needs a name of its own, got: ", name);
  const fs::path parent = named.has_parent_path() ? named.parent_path() : fs::path(".");
  std::error_code ignored;
  if (!fs::is_directory(parent, ignored)) {
    throw IoError(concat(path.string(), ": its folder must exist, got: ", parent.string()));
  }
  if (::access(parent.c_str(), W_OK | X_OK) != 0) {
    throw IoError(concat(path.string(), ": its folder must be writable, got: ", parent.string()));
  }
}

void refuse_existing_file(const fs::path& path, bool force) {
  std::error_code ignored;
  if (!path.has_filename() || fs::is_directory(path, ignored)) {
    throw IoError(concat(path.string(), ": must be a file's name, got: a folder"));
  }
  refuse_existing(path, force);
}

void refuse_existing(const fs::path& path, bool force) {
  check_parent_folder(path);
  std::error_code error;
  const fs::file_status status = fs::symlink_status(path, error);
  if (status.type() == fs::file_type::not_found) return;
  if (error) throw IoError(concat(path.string(), ": cannot be looked at: ", error.message()));
  const bool is_folder = fs::is_directory(path, error);
  if (is_folder && fs::is_empty(path, error)) return;
  if (!force) {
    throw IoError(concat(path.string(),
                         ": exists already; choose another name, or --force to "
                         "replace it"));
  }
  if (is_folder && !is_frame_folder(path)) {
    throw IoError(concat(path.string(),
                         ": is a folder that holds more than frame_*.png, so it is "
                         "not replaced even with --force"));
  }
}

void check_frame_bytes(std::span<const uint8_t> rgb, const FilmFormat& format) {
  const size_t wanted = size_t{3} * format.height * format.width;
  TESSERA_CHECK(rgb.size() == wanted, "[VideoWriter::write] a frame of ", format.width, "x",
                format.height, " has ", wanted, " bytes, got: ", rgb.size());
}

std::unique_ptr<VideoWriter> make_video_writer(const fs::path& path, const FilmFormat& format,
                                               const FilmOptions& options) {
  check_film_output(path, format, options);
  switch (film_kind(path)) {
    case FilmKind::kPngFolder:
      return make_png_folder_writer(path, format);
    case FilmKind::kY4m:
      return make_y4m_writer(path, format, options);
    case FilmKind::kMp4:
      return make_mp4_writer(path, format, options);
  }
  throw InvalidArgument("[make_video_writer] kind of film is none of the three");
}

void write_film(const fs::path& path, const Frames& frames, const FilmOptions& options) {
  check_frames(frames, "write_film");
  const auto writer = make_video_writer(path, {frames.height, frames.width, frames.fps}, options);
  for (int i = 0; i < frames.num_frames; ++i) writer->write(frames.frame(i));
  writer->finish();
}

}  // namespace tessera::media
