#include <algorithm>
#include <cstring>
#include <type_traits>

#include "tessera/core/error.h"
#include "tessera/media/raster.h"
#include "tessera/media/tiff_file.h"
#include "tessera/media/tiff_layout.h"

namespace tessera::media {
namespace {

// Where a row of a strip or tile goes: `count` samples, `stride` apart.
template <typename T>
struct Row {
  T* to;
  int64_t count;
  int stride;
};

// Samples of whole bytes, in the machine's order (libtiff swaps), which need not be aligned.
template <typename Stored, typename T>
void copy_samples(const std::byte* from, const Row<T>& row) {
  for (int64_t i = 0; i < row.count; ++i) {
    Stored value;
    std::memcpy(&value, from + i * sizeof(Stored), sizeof value);
    row.to[i * row.stride] = T{value};
  }
}

// Samples of 1, 2 or 4 bits; the first is in a byte's high bits.
void unpack_samples(const std::byte* from, int bits, const Row<uint8_t>& row) {
  const int per_byte = 8 / bits, mask = (1 << bits) - 1;
  for (int64_t i = 0; i < row.count; ++i) {
    const int shift = 8 - bits * (int(i % per_byte) + 1);
    row.to[i * row.stride] = uint8_t(std::to_integer<int>(from[i / per_byte]) >> shift & mask);
  }
}

template <typename T>
void read_row(const std::byte* from, int bits, const Row<T>& row) {
  if constexpr (std::is_same_v<T, uint8_t>) {
    if (bits < 8) return unpack_samples(from, bits, row);
  }
  if constexpr (std::is_same_v<T, int32_t>) {
    if (bits == 8) return copy_samples<int8_t>(from, row);
    if (bits == 16) return copy_samples<int16_t>(from, row);
  }
  copy_samples<T>(from, row);
}

// One strip or tile: where it lies, and which channel it holds (-1: all).
struct Chunk {
  uint32_t index;
  int top, left, channel;
};

// Row bytes of a chunk as libtiff lays it out: padded to whole bytes.
int64_t row_bytes(const TiffLayout& layout) {
  const int64_t samples = int64_t{layout.chunk_width} * (layout.is_planar ? 1 : layout.channels);
  return (samples * layout.bits + 7) / 8;
}

template <typename T>
void store_chunk(const TiffLayout& layout, const Chunk& chunk, const std::byte* from,
                 std::vector<T>* samples) {
  const int rows = std::min(layout.chunk_height, layout.height - chunk.top);
  const int columns = std::min(layout.chunk_width, layout.width - chunk.left);
  for (int y = 0; y < rows; ++y) {
    T* to = samples->data() + (size_t(chunk.top + y) * layout.width + chunk.left) * layout.channels;
    const Row<T> row = layout.is_planar ? Row<T>{to + chunk.channel, columns, layout.channels}
                                        : Row<T>{to, int64_t{columns} * layout.channels, 1};
    read_row(from + y * row_bytes(layout), layout.bits, row);
  }
}

// All strips or tiles in libtiff's order: rows, then columns, plane by plane.
std::vector<Chunk> list_chunks(const TiffLayout& layout) {
  std::vector<Chunk> chunks;
  uint32_t index = 0;
  for (int plane = 0; plane < (layout.is_planar ? layout.channels : 1); ++plane) {
    for (int top = 0; top < layout.height; top += layout.chunk_height) {
      for (int left = 0; left < layout.width; left += layout.chunk_width) {
        chunks.push_back({index++, top, left, layout.is_planar ? plane : -1});
      }
    }
  }
  return chunks;
}

template <typename T>
void read_chunks(const TiffFile& file, const TiffLayout& layout, Raster* raster) {
  auto& samples = raster->samples.emplace<std::vector<T>>(size_t(layout.height) * layout.width *
                                                          layout.channels);
  const tmsize_t full_bytes =
      layout.is_tiled ? TIFFTileSize(file.get()) : TIFFStripSize(file.get());
  if (full_bytes != row_bytes(layout) * layout.chunk_height) file.refuse();
  std::vector<std::byte> buffer(full_bytes);
  for (const Chunk& chunk : list_chunks(layout)) {
    // The last strip ends with the picture.
    const int rows = layout.is_tiled ? layout.chunk_height
                                     : std::min(layout.chunk_height, layout.height - chunk.top);
    const tmsize_t wanted = rows * row_bytes(layout);
    const tmsize_t got = layout.is_tiled
                             ? TIFFReadEncodedTile(file.get(), chunk.index, buffer.data(), wanted)
                             : TIFFReadEncodedStrip(file.get(), chunk.index, buffer.data(), wanted);
    if (got != wanted) file.refuse();
    store_chunk(layout, chunk, buffer.data(), &samples);
  }
}

void read_samples(const TiffFile& file, const TiffLayout& layout, Raster* raster) {
  if (layout.sample_format == SAMPLEFORMAT_IEEEFP) return read_chunks<float>(file, layout, raster);
  if (layout.sample_format == SAMPLEFORMAT_INT) return read_chunks<int32_t>(file, layout, raster);
  if (layout.bits <= 8) return read_chunks<uint8_t>(file, layout, raster);
  if (layout.bits == 16) return read_chunks<uint16_t>(file, layout, raster);
  read_chunks<uint32_t>(file, layout, raster);
}

// White as zero becomes black as zero; alpha stays.
void turn_over(const TiffLayout& layout, Samples* samples) {
  const uint32_t white = uint32_t(~uint64_t{0} >> (64 - layout.bits));
  std::visit(
      [&]<typename T>(std::vector<T>& values) {
        for (size_t i = 0; i < values.size(); i += layout.channels)
          values[i] = T(white - values[i]);
      },
      *samples);
}

std::vector<Colour> read_palette(const TiffFile& file, int bits) {
  uint16_t *red = nullptr, *green = nullptr, *blue = nullptr;
  if (!TIFFGetField(file.get(), TIFFTAG_COLORMAP, &red, &green, &blue)) file.refuse();
  const int count = 1 << bits;
  // Entries have 16 bits, but some writers fill 8.
  const auto is_small = [&](const uint16_t* channel) {
    return std::all_of(channel, channel + count, [](uint16_t value) { return value < 256; });
  };
  const int shift = is_small(red) && is_small(green) && is_small(blue) ? 0 : 8;
  std::vector<Colour> palette;
  palette.reserve(count);
  for (int i = 0; i < count; ++i) {
    palette.push_back(
        {uint8_t(red[i] >> shift), uint8_t(green[i] >> shift), uint8_t(blue[i] >> shift)});
  }
  return palette;
}

}  // namespace

Raster decode_tiff_raster(std::span<const std::byte> bytes, const std::string& name,
                          const ImageLimits& limits) {
  TiffFile file(bytes, name);
  const TiffLayout layout = read_tiff_layout(&file, limits);
  Raster raster;
  raster.format = ImageFormat::kTiff;
  raster.height = layout.height;
  raster.width = layout.width;
  raster.channels = layout.channels;
  raster.bits = layout.bits;
  raster.has_alpha = layout.has_alpha;
  raster.is_lossy = layout.is_jpeg;
  if (layout.is_palette) raster.palette = read_palette(file, layout.bits);
  read_samples(file, layout, &raster);
  if (layout.is_white_zero) turn_over(layout, &raster.samples);
  return raster;
}

}  // namespace tessera::media
