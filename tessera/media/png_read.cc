#include <bit>
#include <csetjmp>
#include <cstring>

#include <png.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/image_io.h"
#include "tessera/media/raster.h"

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
  int bit_depth = 0, colour_type = 0, channels = 0;
  size_t row_bytes = 0;
  int num_passes = 1;
};

bool read_header(png_structp png, png_infop info, Header* header) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_read_info(png, info);
  header->width = png_get_image_width(png, info);
  header->height = png_get_image_height(png, info);
  header->bit_depth = png_get_bit_depth(png, info);
  header->colour_type = png_get_color_type(png, info);
  return true;
}

enum class Form {
  kEightBits,  // no palette, transparent colours as an alpha channel
  kStored,     // values as stored, a byte or a uint16_t each
};

// Allocates rows, so the sizes must be checked before.
bool start_rows(png_structp png, png_infop info, Form form, Header* header) {
  if (setjmp(png_jmpbuf(png))) return false;
  if (form == Form::kEightBits) {
    png_set_expand(png);
  } else {
    png_set_packing(png);
    if (std::endian::native == std::endian::little) png_set_swap(png);
  }
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

[[noreturn]] void refuse(const std::string& name, const Source& source) {
  throw IoError(concat(name, ": damaged PNG: ", source.message));
}

// Opens a PNG and reads what stands before the pixels.
class Opened {
 public:
  Opened(std::span<const std::byte> bytes, const std::string& name, const ImageLimits& limits)
      : source{reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()},
        reader(&source),
        name_(name) {
    if (bytes.size() < 8 || png_sig_cmp(source.data, 0, 8) != 0) {
      throw IoError(concat(name, ": is not a PNG file"));
    }
    if (reader.info == nullptr) throw Error("[decode_png] libpng could not start");
    png_set_read_fn(reader.png, &source, on_read);
    png_set_user_limits(reader.png, 0x7fffffff, 0x7fffffff);  // ours come with a better message
    png_set_chunk_cache_max(reader.png, 100);
    png_set_chunk_malloc_max(reader.png, 8 << 20);  // text and profiles, which nobody here needs
    if (!read_header(reader.png, reader.info, &header)) refuse(name, source);
    check_picture_size(name, header.width, header.height, limits);
    // Deflate cannot shrink more than 1032 times, and a pixel takes at least one bit.
    check_file_holds(name, "PNG", header.width, header.height, source.size, 8 * 1032);
  }

  void start(Form form) {
    if (!start_rows(reader.png, reader.info, form, &header)) refuse(name_, source);
  }
  void read(void* out) {
    if (!read_rows(reader.png, header, static_cast<unsigned char*>(out))) refuse(name_, source);
  }

  Source source;
  Reader reader;
  Header header;

 private:
  const std::string& name_;
};

std::vector<Colour> read_palette(const Reader& reader) {
  png_colorp entries = nullptr;
  int count = 0;
  png_get_PLTE(reader.png, reader.info, &entries, &count);
  std::vector<Colour> palette;
  palette.reserve(count);
  for (int i = 0; i < count; ++i) {
    palette.push_back({entries[i].red, entries[i].green, entries[i].blue});
  }
  return palette;
}

}  // namespace

Raster decode_png_raster(std::span<const std::byte> bytes, const std::string& name,
                         const ImageLimits& limits) {
  Opened file(bytes, name, limits);
  file.start(Form::kStored);
  Raster raster;
  raster.format = ImageFormat::kPng;
  raster.height = int(file.header.height);
  raster.width = int(file.header.width);
  raster.channels = file.header.channels;
  raster.bits = file.header.bit_depth;
  raster.has_alpha = (file.header.colour_type & PNG_COLOR_MASK_ALPHA) != 0;
  if (file.header.colour_type == PNG_COLOR_TYPE_PALETTE) raster.palette = read_palette(file.reader);
  const size_t count = size_t(raster.height) * raster.width * raster.channels;
  if (raster.bits == 16) {
    file.read(raster.samples.emplace<std::vector<uint16_t>>(count).data());
  } else {
    file.read(raster.samples.emplace<std::vector<uint8_t>>(count).data());
  }
  return raster;
}

Image decode_png_as_stored(std::span<const std::byte> bytes, const std::string& name,
                           const ImageLimits& limits) {
  Opened file(bytes, name, limits);
  if (file.header.bit_depth == 16) {
    throw IoError(concat(name, ": PNG with 16 bits per channel is not supported, 8 bits are"));
  }
  file.start(Form::kEightBits);
  Image image = make_image(int(file.header.height), int(file.header.width), file.header.channels);
  file.read(image.data.data());
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
