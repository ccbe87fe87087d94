#include "tessera/media/fuzz/fuzz_image.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tessera::media::fuzz_image(tessera::media::ImageFormat::kPng, data, size);
  return 0;
}
