// Whether this machine can write .mp4, and through what.
#pragma once

#include <string>

namespace tessera::media {

/// What `doctor` reports.
struct FfmpegStatus {
  /// The module is loaded and has an H.264 encoder that opens.
  bool can_write_mp4 = false;
  /// Why not, empty if it can.
  std::string reason;
  /// Path of the module's file, empty if it is not loaded.
  std::string module_path;
  /// Such as "59.37.100 (libavcodec)"; empty if it is not loaded.
  std::string version;
  /// Such as "libx264"; empty if there is none.
  std::string encoder;
};

/// Loads the module on the first call; safe from any thread.
const FfmpegStatus& ffmpeg_status();

}  // namespace tessera::media
