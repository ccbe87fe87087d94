// Writes TIFFs of every layout into memory, for tests.
#pragma once

#include <algorithm>
#include <cstring>
#include <vector>

#include <tiffio.h>

#include "tessera/core/file_io.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::media {

/// samples: (H, W, channels) in the stored width, rows padded to whole bytes; for planar files
/// still interleaved, and whole bytes only.
struct TiffPage {
  int height = 1, width = 1, channels = 1, bits = 8;
  int format = SAMPLEFORMAT_UINT;
  int photometric = PHOTOMETRIC_MINISBLACK;
  int compression = COMPRESSION_NONE;
  int extra = -1;  // kind of the last channel, if it is an extra one
  int tile = 0;    // side of tiles; 0: strips
  int rows_per_strip = 7;
  bool is_planar = false, is_big_endian = false, is_big_tiff = false;
  int subfile = 0;
  std::vector<uint16_t> colour_map{};  // red, green, blue
  std::vector<uint8_t> samples{};
};

inline void set_tiff_fields(TIFF* tiff, const TiffPage& page) {
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, page.width);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, page.height);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, page.channels);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, page.bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, page.format);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, page.photometric);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, page.compression);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG,
               page.is_planar ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_SUBFILETYPE, page.subfile);
  if (page.extra >= 0) {
    const uint16_t kind = uint16_t(page.extra);
    TIFFSetField(tiff, TIFFTAG_EXTRASAMPLES, 1, &kind);
  }
  if (!page.colour_map.empty()) {
    const size_t n = page.colour_map.size() / 3;
    TIFFSetField(tiff, TIFFTAG_COLORMAP, page.colour_map.data(), page.colour_map.data() + n,
                 page.colour_map.data() + 2 * n);
  }
  if (page.tile > 0) {
    TIFFSetField(tiff, TIFFTAG_TILEWIDTH, page.tile);
    TIFFSetField(tiff, TIFFTAG_TILELENGTH, page.tile);
  } else {
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, page.rows_per_strip);
  }
}

// Rows of one plane (-1: all channels), each padded to whole bytes.
inline std::vector<uint8_t> tiff_plane(const TiffPage& page, int plane) {
  if (plane < 0) return page.samples;
  const size_t bytes = page.bits / 8;
  std::vector<uint8_t> out;
  for (size_t i = 0; i < size_t(page.height) * page.width; ++i) {
    const auto* from = page.samples.data() + (i * page.channels + plane) * bytes;
    out.insert(out.end(), from, from + bytes);
  }
  return out;
}

inline void write_tiff_tiles(TIFF* tiff, const TiffPage& page, const std::vector<uint8_t>& rows,
                             int plane) {
  const size_t pixel = size_t(page.bits) / 8 * (plane < 0 ? page.channels : 1);
  std::vector<uint8_t> tile(page.tile * page.tile * pixel);
  for (int top = 0; top < page.height; top += page.tile) {
    for (int left = 0; left < page.width; left += page.tile) {
      std::fill(tile.begin(), tile.end(), 0xee);  // beyond the edge, to be ignored
      const int columns = std::min(page.tile, page.width - left);
      for (int y = 0; y < std::min(page.tile, page.height - top); ++y) {
        std::memcpy(&tile[y * page.tile * pixel],
                    &rows[(size_t(top + y) * page.width + left) * pixel], columns * pixel);
      }
      TIFFWriteTile(tiff, tile.data(), left, top, 0, uint16_t(std::max(plane, 0)));
    }
  }
}

inline std::vector<std::byte> make_tiff(const std::vector<TiffPage>& pages) {
  const testing::TemporaryFolder folder;
  const std::string path = (folder / "made.tif").string();
  TIFF* tiff = TIFFOpen(path.c_str(), pages.front().is_big_tiff     ? "w8"
                                      : pages.front().is_big_endian ? "wb"
                                                                    : "wl");
  for (const TiffPage& page : pages) {
    set_tiff_fields(tiff, page);
    for (int plane = page.is_planar ? 0 : -1; plane < (page.is_planar ? page.channels : 0);
         ++plane) {
      auto rows = tiff_plane(page, plane);
      if (page.tile > 0) {
        write_tiff_tiles(tiff, page, rows, plane);
      } else {
        const size_t row = rows.size() / page.height;
        for (int y = 0; y < page.height; ++y) {
          TIFFWriteScanline(tiff, &rows[y * row], y, uint16_t(std::max(plane, 0)));
        }
      }
    }
    TIFFWriteDirectory(tiff);
  }
  TIFFClose(tiff);
  const MappedFile file(path);
  return {file.bytes().begin(), file.bytes().end()};
}

inline std::vector<std::byte> make_tiff(const TiffPage& page) {
  return make_tiff(std::vector{page});
}

/// The bytes of any plain values, for TiffPage::samples.
template <typename T>
std::vector<uint8_t> bytes_of(const std::vector<T>& values) {
  const auto* first = reinterpret_cast<const uint8_t*>(values.data());
  return {first, first + values.size() * sizeof(T)};
}

}  // namespace tessera::media
