#include <algorithm>
#include <csetjmp>
#include <cstring>

#include <png.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/image_io.h"

namespace tessera::media {
namespace {

// Note [libpng and exceptions]
// libpng reports errors by a call that must not return: it jumps (longjmp) to a place set before.
// A jump over C++ objects skips their destructors, so every function between setjmp and libpng
// here holds plain values only; what owns memory lives in the caller.

// What libpng's callbacks see.
struct Source {
  const unsigned char* data = nullptr;
  size_t size = 0;
  size_t position = 0;
  char message[200] = {};
};

void on_error(png_structp png, png_const_charp text) {
  auto* source = static_cast<Source*>(png_get_error_ptr(png));
  std::strncpy(source->message, text, sizeof source->message - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep out, size_t count) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (count > source->size - source->position) png_error(png, "the file is cut off");
  std::memcpy(out, source->data + source->position, count);
  source->position += count;
}

struct Header {
  png_uint_32 width = 0, height = 0;
  int bit_depth = 0, channels = 0;
  size_t row_bytes = 0;
  int num_passes = 1;
};

bool read_header(png_structp png, png_infop info, Header* header) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_read_info(png, info);
  header->width = png_get_image_width(png, info);
  header->height = png_get_image_height(png, info);
  header->bit_depth = png_get_bit_depth(png, info);
  return true;
}

// Asks for 8-bit channels without palette. Allocates rows, so the sizes must be checked before.
bool start_rows(png_structp png, png_infop info, Header* header) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_expand(png);
  header->num_passes = png_set_interlace_handling(png);
  png_read_update_info(png, info);
  header->channels = png_get_channels(png, info);
  header->row_bytes = png_get_rowbytes(png, info);
  return true;
}

bool read_rows(png_structp png, const Header& header, unsigned char* out) {
  if (setjmp(png_jmpbuf(png))) return false;
  for (int pass = 0; pass < header.num_passes; ++pass) {
    for (png_uint_32 y = 0; y < header.height; ++y) {
      png_read_row(png, out + y * header.row_bytes, nullptr);
    }
  }
  png_read_end(png, nullptr);
  return true;
}

struct Reader {
  png_structp png = nullptr;
  png_infop info = nullptr;

  explicit Reader(Source* source) {
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, source, on_error, on_warning);
    info = png != nullptr ? png_create_info_struct(png) : nullptr;
  }
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
};

void check_header(const Header& header, const Source& source, const std::string& name,
                  const ImageLimits& limits) {
  const int64_t pixels = int64_t{header.width} * header.height;
  if (std::max(header.width, header.height) > uint32_t(limits.max_side) ||
      pixels > limits.max_pixels) {
    throw IoError(concat(name, ": a picture may have ", limits.max_side, " pixels a side and ",
                         limits.max_pixels, " in all, got: ", header.width, " x ", header.height));
  }
  if (header.bit_depth == 16) {
    throw IoError(concat(name, ": PNG with 16 bits per channel is not supported, 8 bits are"));
  }
  // Deflate cannot shrink more than 1032 times, so a small file that claims a huge picture is
  // damaged or hostile; say so before its memory is asked for. A pixel takes at least one bit.
  if (pixels / 8 / 1032 > int64_t(source.size)) {
    throw IoError(concat(name, ": damaged PNG: ", source.size, " bytes cannot hold ", header.width,
                         " x ", header.height, " pixels"));
  }
}

// Keeps colour and drops alpha; grey becomes RGB.
Image to_rgb(const Image& from) {
  if (from.channels == 3) return from;
  Image to = make_image(from.height, from.width, 3);
  const bool is_grey = from.channels < 3;
  const size_t pixels = size_t(from.height) * from.width;
  for (size_t i = 0; i < pixels; ++i) {
    for (int c = 0; c < 3; ++c) {
      to.data[i * 3 + c] = from.data[i * from.channels + (is_grey ? 0 : c)];
    }
  }
  return to;
}

}  // namespace

Image decode_png_as_stored(std::span<const std::byte> bytes, const std::string& name,
                           const ImageLimits& limits) {
  Source source{reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()};
  if (bytes.size() < 8 || png_sig_cmp(source.data, 0, 8) != 0) {
    throw IoError(concat(name, ": is not a PNG file"));
  }
  Reader reader(&source);
  if (reader.info == nullptr) throw Error("[decode_png] libpng could not start");
  png_set_read_fn(reader.png, &source, on_read);
  png_set_user_limits(reader.png, 0x7fffffff, 0x7fffffff);  // ours come with a better message
  png_set_chunk_cache_max(reader.png, 100);
  png_set_chunk_malloc_max(reader.png, 8 << 20);  // text and profiles, which nobody here needs

  Header header;
  if (!read_header(reader.png, reader.info, &header)) {
    throw IoError(concat(name, ": damaged PNG: ", source.message));
  }
  check_header(header, source, name, limits);
  if (!start_rows(reader.png, reader.info, &header)) {
    throw IoError(concat(name, ": damaged PNG: ", source.message));
  }
  Image image = make_image(int(header.height), int(header.width), header.channels);
  if (!read_rows(reader.png, header, image.data.data())) {
    throw IoError(concat(name, ": damaged PNG: ", source.message));
  }
  return image;
}

Image decode_png(std::span<const std::byte> bytes, const std::string& name,
                 const ImageLimits& limits) {
  return to_rgb(decode_png_as_stored(bytes, name, limits));
}

Image read_png_as_stored(const std::filesystem::path& path, const ImageLimits& limits) {
  const MappedFile file(path);
  return decode_png_as_stored(file.bytes(), path.string(), limits);
}

Image read_png(const std::filesystem::path& path, const ImageLimits& limits) {
  return to_rgb(read_png_as_stored(path, limits));
}

}  // namespace tessera::media
