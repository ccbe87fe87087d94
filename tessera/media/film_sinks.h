// The writers behind make_video_writer; private to the room.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "tessera/media/video_writer.h"

namespace tessera::media {

std::unique_ptr<VideoWriter> make_png_folder_writer(const std::filesystem::path& path,
                                                    const FilmFormat& format);
std::unique_ptr<VideoWriter> make_y4m_writer(const std::filesystem::path& path,
                                             const FilmFormat& format, const FilmOptions& options);
std::unique_ptr<VideoWriter> make_mp4_writer(const std::filesystem::path& path,
                                             const FilmFormat& format, const FilmOptions& options);

/// `frame_0000.png`, as the folder writer names it.
std::string frame_file_name(int index);

/// True when the folder holds nothing but frame_*.png files (or nothing at all), so that it may be
/// replaced without loss of anything else.
bool is_frame_folder(const std::filesystem::path& path);

/// Throws InvalidArgument unless `rgb` is one frame of the format.
void check_frame_bytes(std::span<const uint8_t> rgb, const FilmFormat& format);

}  // namespace tessera::media
