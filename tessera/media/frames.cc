#include "tessera/media/frames.h"

#include "tessera/core/error.h"

namespace tessera::media {
namespace {

size_t pixel_index(const Image& image, int y, int x, int channel) {
  TESSERA_CHECK(y >= 0 && y < image.height && x >= 0 && x < image.width && channel >= 0 &&
                    channel < image.channels,
                "[Image::at] index must lie in (", image.height, ", ", image.width, ", ",
                image.channels, "), got: (", y, ", ", x, ", ", channel, ")");
  return (size_t(y) * image.width + x) * image.channels + channel;
}

size_t pixel_index(const Frames& frames, int frame, int y, int x, int channel) {
  TESSERA_CHECK(frame >= 0 && frame < frames.num_frames && y >= 0 && y < frames.height && x >= 0 &&
                    x < frames.width && channel >= 0 && channel < 3,
                "[Frames::at] index must lie in (", frames.num_frames, ", ", frames.height, ", ",
                frames.width, ", 3), got: (", frame, ", ", y, ", ", x, ", ", channel, ")");
  return frame * frames.frame_bytes() + (size_t(y) * frames.width + x) * 3 + channel;
}

void check_frame_index(const Frames& frames, int index) {
  TESSERA_CHECK(index >= 0 && index < frames.num_frames, "[Frames::frame] index must lie in [0, ",
                frames.num_frames, "), got: ", index);
}

}  // namespace

uint8_t Image::at(int y, int x, int channel) const {
  return data.at(pixel_index(*this, y, x, channel));
}
uint8_t& Image::at(int y, int x, int channel) { return data.at(pixel_index(*this, y, x, channel)); }

Image make_image(int height, int width, int channels) {
  TESSERA_CHECK(height >= 1 && width >= 1 && channels >= 1 && channels <= 4,
                "[make_image] sides must be >= 1 and channels 1 to 4, got: ", height, " x ", width,
                " x ", channels);
  return {height, width, channels, std::vector<uint8_t>(size_t(height) * width * channels)};
}

std::span<const uint8_t> Frames::frame(int index) const {
  check_frame_index(*this, index);
  return std::span(rgb).subspan(index * frame_bytes(), frame_bytes());
}

std::span<uint8_t> Frames::frame(int index) {
  check_frame_index(*this, index);
  return std::span(rgb).subspan(index * frame_bytes(), frame_bytes());
}

uint8_t Frames::at(int frame, int y, int x, int channel) const {
  return rgb.at(pixel_index(*this, frame, y, x, channel));
}
uint8_t& Frames::at(int frame, int y, int x, int channel) {
  return rgb.at(pixel_index(*this, frame, y, x, channel));
}

Frames make_frames(int num_frames, int height, int width, double fps) {
  Frames frames{num_frames, height, width, fps, {}};
  TESSERA_CHECK(num_frames >= 1 && height >= 1 && width >= 1,
                "[make_frames] frames and sides must be >= 1, got: ", num_frames, " x ", height,
                " x ", width);
  frames.rgb.resize(num_frames * frames.frame_bytes());
  check_frames(frames, "make_frames");
  return frames;
}

void check_frames(const Frames& frames, std::string_view function) {
  TESSERA_CHECK(frames.num_frames >= 1 && frames.height >= 1 && frames.width >= 1, "[", function,
                "] a film has at least one frame of one pixel, got: ", frames.num_frames, " x ",
                frames.height, " x ", frames.width);
  TESSERA_CHECK(frames.fps > 0 && frames.fps <= 1000, "[", function,
                "] fps must lie in (0, 1000], got: ", frames.fps);
  TESSERA_CHECK(frames.rgb.size() == frames.num_frames * frames.frame_bytes(), "[", function,
                "] a film of ", frames.num_frames, " x ", frames.height, " x ", frames.width,
                " x 3 has ", frames.num_frames * frames.frame_bytes(),
                " bytes, got: ", frames.rgb.size());
}

void check_image(const Image& image, std::string_view function) {
  TESSERA_CHECK(image.height >= 1 && image.width >= 1 && image.channels >= 1 && image.channels <= 4,
                "[", function,
                "] a picture has sides >= 1 and 1 to 4 channels, got: ", image.height, " x ",
                image.width, " x ", image.channels);
  const size_t bytes = size_t(image.height) * image.width * image.channels;
  TESSERA_CHECK(image.data.size() == bytes, "[", function, "] a picture of ", image.height, " x ",
                image.width, " x ", image.channels, " has ", bytes,
                " bytes, got: ", image.data.size());
}

Image frame_image(const Frames& frames, int index) {
  const auto bytes = frames.frame(index);
  return {frames.height, frames.width, 3, {bytes.begin(), bytes.end()}};
}

}  // namespace tessera::media
