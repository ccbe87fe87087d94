#include <bit>
#include <csetjmp>
#include <cstring>

#include <png.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/image_io.h"
#include "tessera/media/label_image.h"

namespace tessera::media {
namespace {

// See Note [libpng and exceptions] in png_read.cc. The sink owns memory, so it lives outside the
// function that is jumped out of, and its callback lets no exception through libpng.
struct Sink {
  std::vector<std::byte> bytes;
  char message[200] = {};
};

void on_error(png_structp png, png_const_charp text) {
  auto* sink = static_cast<Sink*>(png_get_error_ptr(png));
  std::strncpy(sink->message, text, sizeof sink->message - 1);
  png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

bool append(Sink* sink, const unsigned char* data, size_t count) noexcept {
  try {
    const auto* from = reinterpret_cast<const std::byte*>(data);
    sink->bytes.insert(sink->bytes.end(), from, from + count);
    return true;
  } catch (...) {
    return false;
  }
}

void on_write(png_structp png, png_bytep data, size_t count) {
  if (!append(static_cast<Sink*>(png_get_io_ptr(png)), data, count)) {
    png_error(png, "out of memory");
  }
}

void on_flush(png_structp) {}

// Rows to write: `bytes` as libpng takes them, 16-bit samples in the machine's order.
struct Rows {
  const unsigned char* bytes;
  int height, width, colour_type, bits;
  size_t row_bytes;
};

bool write_rows(png_structp png, png_infop info, const Rows& rows) {
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_IHDR(png, info, rows.width, rows.height, rows.bits, rows.colour_type, PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  if (rows.bits == 16 && std::endian::native == std::endian::little) png_set_swap(png);
  for (int y = 0; y < rows.height; ++y) png_write_row(png, rows.bytes + y * rows.row_bytes);
  png_write_end(png, info);
  return true;
}

struct Writer {
  png_structp png = nullptr;
  png_infop info = nullptr;

  explicit Writer(Sink* sink) {
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, sink, on_error, on_warning);
    info = png != nullptr ? png_create_info_struct(png) : nullptr;
  }
  ~Writer() { png_destroy_write_struct(&png, &info); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
};

std::vector<std::byte> encode(const Rows& rows, const char* function) {
  Sink sink;
  Writer writer(&sink);
  if (writer.info == nullptr) throw Error(concat("[", function, "] libpng could not start"));
  png_set_write_fn(writer.png, &sink, on_write, on_flush);
  png_set_compression_level(writer.png, 6);
  if (!write_rows(writer.png, writer.info, rows)) {
    throw Error(concat("[", function, "] libpng failed: ", sink.message));
  }
  return std::move(sink.bytes);
}

void write_bytes(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace

std::vector<std::byte> encode_png(const Image& image) {
  check_image(image, "encode_png");
  constexpr int kTypes[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                            PNG_COLOR_TYPE_RGB_ALPHA};
  return encode({image.data.data(), image.height, image.width, kTypes[image.channels], 8,
                 size_t(image.width) * image.channels},
                "encode_png");
}

void write_png(const std::filesystem::path& path, const Image& image) {
  write_bytes(path, encode_png(image));
}

std::vector<std::byte> encode_label_png(int height, int width, std::span<const uint16_t> labels) {
  TESSERA_CHECK(height >= 1 && width >= 1 && labels.size() == size_t(height) * width,
                "[encode_label_png] labels must have ", height, " x ", width,
                " values, got: ", labels.size());
  return encode({reinterpret_cast<const unsigned char*>(labels.data()), height, width,
                 PNG_COLOR_TYPE_GRAY, 16, size_t(width) * 2},
                "encode_label_png");
}

void write_label_png(const std::filesystem::path& path, int height, int width,
                     std::span<const uint16_t> labels) {
  write_bytes(path, encode_label_png(height, width, labels));
}

}  // namespace tessera::media
