#include "tessera/media/tiff_layout.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/media/raster.h"

namespace tessera::media {
namespace {

// Compressions we read, and how many bytes one byte can become at most; 0: no useful bound.
constexpr std::array kCompressions{
    std::pair{COMPRESSION_NONE, 1},       std::pair{COMPRESSION_PACKBITS, 64},
    std::pair{COMPRESSION_LZW, 4096},     std::pair{COMPRESSION_ADOBE_DEFLATE, 1032},
    std::pair{COMPRESSION_DEFLATE, 1032}, std::pair{COMPRESSION_JPEG, 1024},
    std::pair{COMPRESSION_ZSTD, 0},       std::pair{COMPRESSION_LZMA, 0},
    std::pair{COMPRESSION_CCITTRLE, 0},   std::pair{COMPRESSION_CCITTFAX3, 0},
    std::pair{COMPRESSION_CCITTFAX4, 0},
};

std::string_view name_of_photometric(int value) {
  switch (value) {
    case PHOTOMETRIC_MASK:
      return "transparency mask";
    case PHOTOMETRIC_SEPARATED:
      return "CMYK";
    case PHOTOMETRIC_YCBCR:
      return "YCbCr";
    case PHOTOMETRIC_CIELAB:
    case PHOTOMETRIC_ICCLAB:
    case PHOTOMETRIC_ITULAB:
      return "L*a*b*";
    case PHOTOMETRIC_CFA:
      return "a camera's colour filter array";
    default:
      return "another one";
  }
}

void read_colours(const TiffFile& file, TiffLayout* layout) {
  int photometric = file.field16(TIFFTAG_PHOTOMETRIC);
  if (layout->is_jpeg && photometric == PHOTOMETRIC_YCBCR) {
    TIFFSetField(file.get(), TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    photometric = PHOTOMETRIC_RGB;
  }
  int colours = 1;
  switch (photometric) {
    case PHOTOMETRIC_MINISWHITE:
      layout->is_white_zero = true;
      break;
    case PHOTOMETRIC_MINISBLACK:
      break;
    case PHOTOMETRIC_RGB:
      colours = 3;
      break;
    case PHOTOMETRIC_PALETTE:
      layout->is_palette = true;
      break;
    default:
      throw IoError(concat(file.name(), ": a TIFF must be grey, RGB or of a palette, got: ",
                           name_of_photometric(photometric), " (photometric ", photometric, ")"));
  }
  layout->channels = file.field16(TIFFTAG_SAMPLESPERPIXEL);
  uint16_t num_extra = 0;
  const uint16_t* extra = nullptr;
  TIFFGetFieldDefaulted(file.get(), TIFFTAG_EXTRASAMPLES, &num_extra, &extra);
  layout->has_alpha = layout->channels == colours + 1;
  // A second channel of a grey picture that is not called alpha is data, another stain for example.
  const bool is_data = layout->has_alpha && colours == 1 &&
                       (num_extra != 1 || extra == nullptr || extra[0] == EXTRASAMPLE_UNSPECIFIED);
  if ((layout->channels != colours && !layout->has_alpha) || is_data) {
    throw IoError(concat(file.name(),
                         ": a TIFF must have 1 grey or 3 RGB channels, and alpha if "
                         "any, got: ",
                         layout->channels, " channels, ",
                         colours == 3         ? "RGB"
                         : layout->is_palette ? "palette"
                                              : "grey"));
  }
}

void read_depth(const TiffFile& file, TiffLayout* layout) {
  layout->bits = file.field16(TIFFTAG_BITSPERSAMPLE);
  layout->sample_format = file.field16(TIFFTAG_SAMPLEFORMAT);
  if (layout->sample_format == SAMPLEFORMAT_VOID) layout->sample_format = SAMPLEFORMAT_UINT;
  const int bits = layout->bits;
  const bool is_small = bits == 1 || bits == 2 || bits == 4;
  const bool is_whole = bits == 8 || bits == 16 || bits == 32;
  const bool is_known = layout->sample_format == SAMPLEFORMAT_UINT     ? is_small || is_whole
                        : layout->sample_format == SAMPLEFORMAT_INT    ? is_whole
                        : layout->sample_format == SAMPLEFORMAT_IEEEFP ? bits == 32
                                                                       : false;
  const bool is_index = bits <= 8 && layout->sample_format == SAMPLEFORMAT_UINT;
  if (!is_known || (layout->is_palette && !is_index)) {
    constexpr const char* kFormats[] = {"",     "unsigned", "signed",       "float",
                                        "void", "complex",  "complex float"};
    throw IoError(concat(file.name(),
                         ": a TIFF must have 1, 2, 4, 8, 16 or 32 bits a channel, or "
                         "32-bit float, got: ",
                         bits, " bits ", kFormats[std::min<int>(layout->sample_format, 6)],
                         layout->is_palette ? " with a palette" : ""));
  }
  if (layout->is_white_zero && layout->sample_format != SAMPLEFORMAT_UINT) {
    throw IoError(concat(file.name(), ": a TIFF with white as zero must be unsigned, got: ",
                         layout->sample_format == SAMPLEFORMAT_INT ? "signed" : "float"));
  }
}

// Bounds what is asked for before anything is decoded.
void check_bytes(const TiffFile& file, const TiffLayout& layout, const ImageLimits& limits) {
  check_picture_size(file.name(), layout.width, layout.height, limits);
  const int compression = file.field16(TIFFTAG_COMPRESSION);
  const auto* found = std::find_if(kCompressions.begin(), kCompressions.end(),
                                   [&](const auto& pair) { return pair.first == compression; });
  if (found == kCompressions.end() || !TIFFIsCODECConfigured(uint16_t(compression))) {
    const TIFFCodec* codec = TIFFFindCODEC(uint16_t(compression));
    throw IoError(concat(file.name(),
                         ": a TIFF must be stored plain or by PackBits, LZW, Deflate, "
                         "JPEG, Zstandard, LZMA or CCITT, got: ",
                         codec != nullptr ? codec->name : "an unknown compression", " (",
                         compression, ")"));
  }
  const int64_t pixel_bits = int64_t{layout.bits} * layout.channels;
  if (found->second != 0) {
    check_file_holds(file.name(), "TIFF", layout.width, layout.height, file.num_bytes(),
                     std::max<int64_t>(1, found->second * 8 / pixel_bits));
  }
  // A strip or tile may reach beyond the picture, but not by orders of magnitude.
  const int64_t chunk_pixels = int64_t{layout.chunk_height} * layout.chunk_width;
  const int64_t pixels = int64_t{layout.height} * layout.width;
  if (chunk_pixels < 1 || chunk_pixels > std::max<int64_t>(4 * pixels, 1 << 24)) {
    throw IoError(concat(file.name(), ": damaged TIFF: a tile of ", layout.chunk_width, " x ",
                         layout.chunk_height, " in a picture of ", layout.width, " x ",
                         layout.height));
  }
}

}  // namespace

TiffLayout read_tiff_layout(TiffFile* file, const ImageLimits& limits) {
  if (file->count_pages() > 1) {
    throw IoError(
        concat(file->name(), ": a TIFF must have one page, got: several (a stack or a series)"));
  }
  TiffLayout layout;
  const uint32_t width = file->field32(TIFFTAG_IMAGEWIDTH);
  const uint32_t height = file->field32(TIFFTAG_IMAGELENGTH);
  check_picture_size(file->name(), width, height, limits);
  layout.width = int(width);
  layout.height = int(height);
  layout.is_jpeg = file->field16(TIFFTAG_COMPRESSION) == COMPRESSION_JPEG;
  layout.is_planar = file->field16(TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE;
  layout.is_tiled = TIFFIsTiled(file->get()) != 0;
  read_colours(*file, &layout);
  read_depth(*file, &layout);
  if (layout.is_tiled) {
    constexpr uint32_t kMostSide = 1 << 20;
    layout.chunk_width = int(std::min(file->field32(TIFFTAG_TILEWIDTH), kMostSide));
    layout.chunk_height = int(std::min(file->field32(TIFFTAG_TILELENGTH), kMostSide));
  } else {
    layout.chunk_width = layout.width;
    layout.chunk_height = int(std::min(file->field32(TIFFTAG_ROWSPERSTRIP), height));
  }
  check_bytes(*file, layout, limits);
  return layout;
}

}  // namespace tessera::media
