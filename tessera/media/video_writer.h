// Films to disk: a folder of PNG frames, .y4m, or .mp4, chosen by the output's name.
//
// Every kind is written under a temporary name and renamed at the end, so a film is either there
// completely or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "tessera/media/frames.h"
#include "tessera/media/yuv.h"

namespace tessera::media {

enum class FilmKind { kPngFolder, kY4m, kMp4 };

/// The kind that a name asks for: `.y4m`, `.mp4`, and a folder of PNG frames for a name without
/// extension, one that ends in `/`, or an existing folder. Throws InvalidArgument for any other
/// extension; the text lists the supported ones.
FilmKind film_kind(const std::filesystem::path& path);

struct FilmFormat {
  int height = 0;
  int width = 0;
  double fps = 16;
};

struct FilmOptions {
  /// x264's constant rate factor, 0 (lossless) to 51; 16 is visually lossless.
  int crf = 16;
  /// Chroma of .y4m; .mp4 is always 4:2:0, which every browser plays.
  Chroma y4m_chroma = Chroma::k444;
  /// Colour matrix of .y4m. The format has no field for it and players assume BT.601 for small
  /// films (and FFmpeg for all), so that is the default. .mp4 is BT.709 and says so.
  YuvMatrix y4m_matrix = YuvMatrix::kBt601;
};

/// Answers "can this film be written here?" before anything is computed. Throws InvalidArgument
/// (unknown extension, odd sizes for .mp4, options out of range) or Unsupported (.mp4 without the
/// FFmpeg module; the text says why it did not load and what works instead).
void check_film_output(const std::filesystem::path& path, const FilmFormat& format,
                       const FilmOptions& options = {});

/// Throws unless something can be made at `path`: InvalidArgument for a name like ".", IoError when
/// the folder that it would lie in is missing or cannot be written.
void check_parent_folder(const std::filesystem::path& path);

/// As check_parent_folder, and throws IoError when something is at `path` and `force` is false; an
/// empty folder does not count. With `force`, a folder is only given up when it holds nothing but
/// frame_*.png, so that a wrong name cannot delete anything else.
void refuse_existing(const std::filesystem::path& path, bool force);

/// The same for what is a single file whatever its name: there, any folder is refused.
void refuse_existing_file(const std::filesystem::path& path, bool force);

/// Takes frames one by one. Destroyed before finish(), it leaves nothing behind.
class VideoWriter {
 public:
  virtual ~VideoWriter() = default;

  /// Appends one frame, (H, W, 3) bytes sRGB. Throws InvalidArgument (size), IoError (disk).
  virtual void write(std::span<const uint8_t> rgb) = 0;

  /// Completes the film and gives it its name, replacing what refuse_existing let through. Throws
  /// InvalidArgument for a film without frames, IoError.
  virtual void finish() = 0;
};

/// A writer for the kind that film_kind names. Throws what check_film_output throws, and IoError.
std::unique_ptr<VideoWriter> make_video_writer(const std::filesystem::path& path,
                                               const FilmFormat& format,
                                               const FilmOptions& options = {});

/// Writes a whole film.
void write_film(const std::filesystem::path& path, const Frames& frames,
                const FilmOptions& options = {});

}  // namespace tessera::media
