#include "tessera/media/raster.h"

#include <algorithm>
#include <cstdio>

#include "tessera/core/error.h"

namespace tessera::media {
namespace {

bool begins_with(std::span<const std::byte> bytes, std::string_view prefix, size_t offset = 0) {
  if (bytes.size() < offset + prefix.size()) return false;
  return std::equal(prefix.begin(), prefix.end(), bytes.begin() + offset,
                    [](char a, std::byte b) { return std::byte(a) == b; });
}

// What a file of no format of ours is, as far as its first bytes tell.
std::string describe(std::span<const std::byte> bytes) {
  using namespace std::string_view_literals;
  if (bytes.empty()) return "an empty file";
  if (begins_with(bytes, "version https://git-lfs"sv)) {
    return "a Git LFS pointer (fetch the file itself with `git lfs pull`)";
  }
  if (begins_with(bytes, "GIF8"sv)) return "GIF";
  if (begins_with(bytes, "BM"sv)) return "BMP";
  if (begins_with(bytes, "RIFF"sv) && begins_with(bytes, "WEBP"sv, 8)) return "WebP";
  if (begins_with(bytes, "\0\0\0\x0cjP"sv)) return "JPEG 2000";
  if (begins_with(bytes, "ftyp"sv, 4)) return "HEIF, AVIF or a film";
  if (begins_with(bytes, "DICM"sv, 128)) return "DICOM";
  if (begins_with(bytes, "\x1f\x8b"sv)) return "a gzip file";
  if (begins_with(bytes, "P5"sv) || begins_with(bytes, "P6"sv)) return "PNM";
  std::string text = "bytes";
  for (size_t i = 0; i < std::min<size_t>(bytes.size(), 8); ++i) {
    char byte[8];
    std::snprintf(byte, sizeof byte, " %02x", std::to_integer<unsigned>(bytes[i]));
    text += byte;
  }
  return text;
}

}  // namespace

std::string_view name_of(ImageFormat format) {
  switch (format) {
    case ImageFormat::kPng:
      return "PNG";
    case ImageFormat::kJpeg:
      return "JPEG";
    case ImageFormat::kTiff:
      return "TIFF";
  }
  return "?";
}

std::optional<ImageFormat> image_format(std::span<const std::byte> bytes) {
  using namespace std::string_view_literals;
  if (begins_with(bytes, "\x89PNG\r\n\x1a\n"sv)) return ImageFormat::kPng;
  if (begins_with(bytes, "\xff\xd8\xff"sv)) return ImageFormat::kJpeg;
  // Classic TIFF has version 42, BigTIFF 43, in either byte order.
  for (const auto start : {"II*\0"sv, "MM\0*"sv, "II+\0"sv, "MM\0+"sv}) {
    if (begins_with(bytes, start)) return ImageFormat::kTiff;
  }
  return std::nullopt;
}

Raster decode_raster(std::span<const std::byte> bytes, const std::string& name,
                     const ImageLimits& limits) {
  const auto format = image_format(bytes);
  if (!format) {
    throw IoError(concat(name, ": must be a PNG, JPEG or TIFF file, got: ", describe(bytes)));
  }
  switch (*format) {
    case ImageFormat::kPng:
      return decode_png_raster(bytes, name, limits);
    case ImageFormat::kJpeg:
      return decode_jpeg_raster(bytes, name, limits);
    case ImageFormat::kTiff:
      return decode_tiff_raster(bytes, name, limits);
  }
  throw Error("[decode_raster] format is none of the three");
}

void check_picture_size(const std::string& name, int64_t width, int64_t height,
                        const ImageLimits& limits) {
  if (width < 1 || height < 1) {
    throw IoError(concat(name, ": a picture must have pixels, got: ", width, " x ", height));
  }
  if (std::max(width, height) > limits.max_side || width * height > limits.max_pixels) {
    throw IoError(concat(name, ": a picture may have ", limits.max_side, " pixels a side and ",
                         limits.max_pixels, " in all, got: ", width, " x ", height));
  }
}

void check_file_holds(const std::string& name, std::string_view format, int64_t width,
                      int64_t height, size_t file_bytes, int64_t most_pixels) {
  if (width * height / most_pixels > int64_t(file_bytes)) {
    throw IoError(concat(name, ": damaged ", format, ": ", file_bytes, " bytes cannot hold ", width,
                         " x ", height, " pixels"));
  }
}

}  // namespace tessera::media
