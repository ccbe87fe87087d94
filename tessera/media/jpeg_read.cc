#include <algorithm>
#include <csetjmp>
#include <cstdio>

#include <jerror.h>
#include <jpeglib.h>

#include "tessera/core/error.h"
#include "tessera/media/raster.h"

namespace tessera::media {
namespace {

// As in Note [libpng and exceptions]: libjpeg's errors jump over the functions between, so those
// hold plain values only.

// Progressive files may repeat scans over the whole picture, each as cheap to store as it is dear
// to decode; encoders write about ten.
constexpr int kMostScans = 500;

struct Errors {
  jpeg_error_mgr base;  // first, so that libjpeg's pointer is ours too
  std::jmp_buf jump;
  char message[JMSG_LENGTH_MAX];
};

[[noreturn]] void leave(j_common_ptr info) {
  auto* errors = reinterpret_cast<Errors*>(info->err);
  info->err->format_message(info, errors->message);
  std::longjmp(errors->jump, 1);
}

// libjpeg goes on after damage with whatever it has, grey areas for instance, and calls it a
// warning. Only those that leave the pixels whole pass here.
void on_message(j_common_ptr info, int level) {
  const int code = info->err->msg_code;
  const bool is_harmless =
      code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM;
  if (level < 0 && !is_harmless) leave(info);
}

void on_output(j_common_ptr) {}

void on_progress(j_common_ptr info) {
  const auto* decoder = reinterpret_cast<j_decompress_ptr>(info);
  if (decoder->input_scan_number <= kMostScans) return;
  auto* errors = reinterpret_cast<Errors*>(info->err);
  std::snprintf(errors->message, sizeof errors->message, "more than %d scans", kMostScans);
  std::longjmp(errors->jump, 1);
}

struct Decoder {
  jpeg_decompress_struct info{};
  Errors errors{};
  jpeg_progress_mgr progress{};

  Decoder() {
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = leave;
    errors.base.emit_message = on_message;
    errors.base.output_message = on_output;
    progress.progress_monitor = on_progress;
  }
  ~Decoder() { jpeg_destroy_decompress(&info); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
};

bool read_header(Decoder* decoder, const unsigned char* data, size_t size) {
  if (setjmp(decoder->errors.jump)) return false;
  jpeg_create_decompress(&decoder->info);
  decoder->info.progress = &decoder->progress;
  jpeg_mem_src(&decoder->info, data, size);
  jpeg_read_header(&decoder->info, TRUE);
  return true;
}

bool read_rows(Decoder* decoder, unsigned char* out) {
  if (setjmp(decoder->errors.jump)) return false;
  jpeg_start_decompress(&decoder->info);
  const size_t row_bytes = size_t(decoder->info.output_width) * decoder->info.output_components;
  while (decoder->info.output_scanline < decoder->info.output_height) {
    JSAMPROW row = out + decoder->info.output_scanline * row_bytes;
    jpeg_read_scanlines(&decoder->info, &row, 1);
  }
  jpeg_finish_decompress(&decoder->info);
  return true;
}

const char* name_of_space(J_COLOR_SPACE space) {
  switch (space) {
    case JCS_CMYK:
      return "CMYK";
    case JCS_YCCK:
      return "YCCK (CMYK)";
    default:
      return "an unknown colour space";
  }
}

}  // namespace

Raster decode_jpeg_raster(std::span<const std::byte> bytes, const std::string& name,
                          const ImageLimits& limits) {
  Decoder decoder;
  const auto* data = reinterpret_cast<const unsigned char*>(bytes.data());
  if (!read_header(&decoder, data, bytes.size())) {
    throw IoError(concat(name, ": damaged JPEG: ", decoder.errors.message));
  }
  const auto& info = decoder.info;
  const bool is_grey = info.jpeg_color_space == JCS_GRAYSCALE;
  // Without the printer's profile CMYK turns into colours nobody saw.
  if (!is_grey && info.jpeg_color_space != JCS_YCbCr && info.jpeg_color_space != JCS_RGB) {
    throw IoError(
        concat(name, ": a JPEG must be grey or RGB, got: ", name_of_space(info.jpeg_color_space),
               ", ", info.num_components, " channels"));
  }
  check_picture_size(name, info.image_width, info.image_height, limits);
  // A block of 8 x 8 takes at least one Huffman code of one bit; twice that, with room to spare.
  if (!info.arith_code) {
    check_file_holds(name, "JPEG", info.image_width, info.image_height, bytes.size(), 2 * 8 * 64);
  }
  decoder.info.out_color_space = is_grey ? JCS_GRAYSCALE : JCS_RGB;

  Raster raster;
  raster.format = ImageFormat::kJpeg;
  raster.height = int(info.image_height);
  raster.width = int(info.image_width);
  raster.channels = is_grey ? 1 : 3;
  raster.is_lossy = true;
  auto& samples = raster.samples.emplace<std::vector<uint8_t>>(size_t(raster.height) *
                                                               raster.width * raster.channels);
  if (!read_rows(&decoder, samples.data())) {
    throw IoError(concat(name, ": damaged JPEG: ", decoder.errors.message));
  }
  return raster;
}

}  // namespace tessera::media
