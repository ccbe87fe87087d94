// YUV4MPEG2 (.y4m): raw film with a one-line header; needs no codec and every tool reads it.
//
// Written: C444 or C420jpeg, progressive, limited range. The format cannot name the colour matrix;
// tessera adds the comment field XTESSERA_MATRIX=BT601 or BT709, which other readers skip, and
// reads it back; without it BT.601 is assumed, as FFmpeg does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

#include "tessera/media/frames.h"

namespace tessera::media {

/// A frame rate as a fraction: whole rates, n/1001 rates, else the nearest fraction of thousandths.
struct FrameRate {
  int numerator = 0;
  int denominator = 1;
};

/// Throws InvalidArgument unless fps is in (0, 1000].
FrameRate frame_rate(double fps);

/// Reads 8-bit C420jpeg, C420mpeg2, C420paldv, C420, C444 and Cmono films, limited or full range.
/// Throws IoError (missing, damaged, cut off, larger than `max_bytes` as RGB, other formats).
Frames read_y4m(const std::filesystem::path& path, int64_t max_bytes = int64_t{8} << 30);

/// A film that is in memory; `name` stands in for the path in messages.
Frames decode_y4m(std::span<const std::byte> bytes, const std::string& name,
                  int64_t max_bytes = int64_t{8} << 30);

}  // namespace tessera::media
