#include <csetjmp>
#include <cstring>

#include <png.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/media/image_io.h"

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

bool write_rows(png_structp png, png_infop info, const Image& image) {
  constexpr int kTypes[] = {0, PNG_COLOR_TYPE_GRAY, PNG_COLOR_TYPE_GRAY_ALPHA, PNG_COLOR_TYPE_RGB,
                            PNG_COLOR_TYPE_RGB_ALPHA};
  if (setjmp(png_jmpbuf(png))) return false;
  png_set_IHDR(png, info, image.width, image.height, 8, kTypes[image.channels], PNG_INTERLACE_NONE,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  png_write_info(png, info);
  const size_t row_bytes = size_t(image.width) * image.channels;
  for (int y = 0; y < image.height; ++y) {
    png_write_row(png, image.data.data() + y * row_bytes);
  }
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

}  // namespace

std::vector<std::byte> encode_png(const Image& image) {
  check_image(image, "encode_png");
  Sink sink;
  Writer writer(&sink);
  if (writer.info == nullptr) throw Error("[encode_png] libpng could not start");
  png_set_write_fn(writer.png, &sink, on_write, on_flush);
  png_set_compression_level(writer.png, 6);
  if (!write_rows(writer.png, writer.info, image)) {
    throw Error(concat("[encode_png] libpng failed: ", sink.message));
  }
  return std::move(sink.bytes);
}

void write_png(const std::filesystem::path& path, const Image& image) {
  const auto bytes = encode_png(image);
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

}  // namespace tessera::media
