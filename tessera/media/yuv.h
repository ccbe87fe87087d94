// sRGB <-> Y'CbCr, 8 bits, limited range (Y' 16 to 235, Cb and Cr 16 to 240).
//
// Source: ITU-R BT.601-7 section 2.5, BT.709-6 section 3 (luma weights and 8-bit quantisation).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace tessera::media {

enum class YuvMatrix { kBt601, kBt709 };

enum class Chroma { k444, k420 };

/// Where a 4:2:0 chroma sample lies within its 2x2 block of pixels: in the middle (JPEG, MPEG-1,
/// y4m's C420jpeg), at the middle of the left edge (MPEG-2, H.264), or on the top left pixel.
enum class ChromaSiting { kCentre, kLeft, kTopLeft };

struct YuvFormat {
  int height = 0;
  int width = 0;
  Chroma chroma = Chroma::k444;
  YuvMatrix matrix = YuvMatrix::kBt709;
  ChromaSiting siting = ChromaSiting::kLeft;

  /// 4:2:0 rounds odd sides up.
  int chroma_height() const { return chroma == Chroma::k420 ? (height + 1) / 2 : height; }
  int chroma_width() const { return chroma == Chroma::k420 ? (width + 1) / 2 : width; }
};

/// One picture: y (H, W); cb and cr (chroma_height, chroma_width); rows without gaps.
struct YuvPlanes {
  std::vector<uint8_t> y, cb, cr;
};

/// Converts one picture. Chroma is averaged with the filter that belongs to its siting (2x2 box
/// for the middle, [1 2 1] / 4 along each axis it lies on), edges clamped, rounded once at the
/// end. `rgb`: (H, W, 3). Throws InvalidArgument when sizes do not agree.
YuvPlanes rgb_to_yuv(std::span<const uint8_t> rgb, const YuvFormat& format);

/// The way back, chroma interpolated linearly at its siting; values outside sRGB are clamped.
void yuv_to_rgb(const YuvPlanes& planes, const YuvFormat& format, std::span<uint8_t> rgb);

}  // namespace tessera::media
