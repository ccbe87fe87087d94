#include <csetjmp>
#include <cstdio>
#include <cstdlib>

#include <jpeglib.h>

#include "tessera/core/error.h"
#include "tessera/media/image_io.h"

namespace tessera::media {
namespace {

// See jpeg_read.cc: libjpeg's errors jump, so what owns memory lives outside.
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

void on_message(j_common_ptr, int) {}

struct Encoder {
  jpeg_compress_struct info{};
  Errors errors{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;

  Encoder() {
    info.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = leave;
    errors.base.emit_message = on_message;
  }
  ~Encoder() {
    jpeg_destroy_compress(&info);
    std::free(bytes);
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
};

bool encode(Encoder* encoder, const Image& image, int quality) {
  if (setjmp(encoder->errors.jump)) return false;
  auto* info = &encoder->info;
  jpeg_create_compress(info);
  jpeg_mem_dest(info, &encoder->bytes, &encoder->size);
  info->image_width = image.width;
  info->image_height = image.height;
  info->input_components = image.channels;
  info->in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
  jpeg_set_defaults(info);
  jpeg_set_quality(info, quality, TRUE);
  for (int c = 0; c < info->num_components; ++c) {
    info->comp_info[c].h_samp_factor = info->comp_info[c].v_samp_factor = 1;
  }
  info->optimize_coding = TRUE;
  jpeg_start_compress(info, TRUE);
  while (info->next_scanline < info->image_height) {
    auto* row = const_cast<JSAMPROW>(image.data.data()) +
                size_t(info->next_scanline) * image.width * image.channels;
    jpeg_write_scanlines(info, &row, 1);
  }
  jpeg_finish_compress(info);
  return true;
}

}  // namespace

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  check_image(image, "encode_jpeg");
  TESSERA_CHECK(image.channels == 1 || image.channels == 3,
                "[encode_jpeg] a JPEG has 1 or 3 channels, got: ", image.channels);
  TESSERA_CHECK(quality >= 1 && quality <= 100,
                "[encode_jpeg] quality must be in [1, 100], got: ", quality);
  Encoder encoder;
  if (!encode(&encoder, image, quality)) {
    throw Error(concat("[encode_jpeg] libjpeg failed: ", encoder.errors.message));
  }
  const auto* first = reinterpret_cast<const std::byte*>(encoder.bytes);
  return {first, first + encoder.size};
}

}  // namespace tessera::media
