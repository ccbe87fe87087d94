// Pictures and films in memory: plain 8-bit sRGB, rows without gaps, nothing owned by a library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace tessera::media {

/// One picture. data: (H, W, C), C = 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA).
struct Image {
  int height = 0;
  int width = 0;
  int channels = 3;
  std::vector<uint8_t> data;

  /// Throws InvalidArgument when an index is outside the picture.
  uint8_t at(int y, int x, int channel) const;
  uint8_t& at(int y, int x, int channel);
};

/// A picture of zeros. Throws InvalidArgument unless sides are >= 1 and channels 1 to 4.
Image make_image(int height, int width, int channels = 3);

/// A film. rgb: (F, H, W, 3), 8-bit sRGB; fps in frames per second.
struct Frames {
  int num_frames = 0;
  int height = 0;
  int width = 0;
  double fps = 16;
  std::vector<uint8_t> rgb;

  size_t frame_bytes() const { return size_t{3} * height * width; }

  /// The bytes of one frame, (H, W, 3). Throws InvalidArgument when there is no such frame.
  std::span<const uint8_t> frame(int index) const;
  std::span<uint8_t> frame(int index);

  /// Throws InvalidArgument when an index is outside the film.
  uint8_t at(int frame, int y, int x, int channel) const;
  uint8_t& at(int frame, int y, int x, int channel);
};

/// A black film. Throws InvalidArgument unless every count is >= 1 and fps is in (0, 1000].
Frames make_frames(int num_frames, int height, int width, double fps);

/// Throws InvalidArgument in the name of `function` when sizes and bytes do not agree.
void check_frames(const Frames& frames, std::string_view function);
void check_image(const Image& image, std::string_view function);

/// One frame as a picture of its own.
Image frame_image(const Frames& frames, int index);

}  // namespace tessera::media
