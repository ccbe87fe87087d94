// One input of a fuzzer: whatever the bytes are, a picture or an IoError must come out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "tessera/core/error.h"
#include "tessera/media/label_image.h"
#include "tessera/media/read_image.h"

namespace tessera::media {

inline void fuzz_image(ImageFormat format, const uint8_t* data, size_t size) {
  const std::span bytes(reinterpret_cast<const std::byte*>(data), size);
  if (image_format(bytes) != format) return;  // the other fuzzers' business
  const ImageLimits limits{.max_side = 1 << 14, .max_pixels = 1 << 20};
  try {
    check_image(decode_image(bytes, "fuzz", {.limits = limits, .depth = DepthRule::kOwnRange}),
                "fuzz");
  } catch (const IoError&) {
  }
  try {
    decode_label_image(bytes, "fuzz", limits);
  } catch (const IoError&) {
  }
}

}  // namespace tessera::media
