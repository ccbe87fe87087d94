#include "tessera/media/tiff_file.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>

#include "tessera/core/error.h"

namespace tessera::media {
namespace {

// libtiff's own allocations: one strip or tile, or the table of their offsets.
constexpr tmsize_t kMostBytesAtOnce = tmsize_t{1} << 30;

// Pages looked at while counting: pyramids have about ten levels.
constexpr int kMostDirectories = 100;

tmsize_t refuse_write(thandle_t, void*, tmsize_t) { return -1; }
int on_close(thandle_t) { return 0; }
int on_warning(TIFF*, void*, const char*, const char*, va_list) { return 1; }

}  // namespace

tmsize_t TiffFile::read(thandle_t handle, void* to, tmsize_t count) {
  auto* self = static_cast<TiffFile*>(handle);
  if (self->position_ >= self->bytes_.size() || count < 0) return 0;
  const size_t rest = self->bytes_.size() - size_t(self->position_);
  const size_t taken = std::min(rest, size_t(count));
  std::memcpy(to, self->bytes_.data() + self->position_, taken);
  self->position_ += taken;
  return tmsize_t(taken);
}

toff_t TiffFile::seek(thandle_t handle, toff_t offset, int whence) {
  auto* self = static_cast<TiffFile*>(handle);
  if (whence == SEEK_SET) self->position_ = offset;
  if (whence == SEEK_CUR) self->position_ += offset;
  if (whence == SEEK_END) self->position_ = self->bytes_.size() + offset;
  return self->position_;
}

// The first text is kept: what follows is libtiff giving up step by step.
int TiffFile::on_error(TIFF*, void* user, const char*, const char* format, va_list values) {
  auto* self = static_cast<TiffFile*>(user);
  if (self->message_[0] == 0) {
    std::vsnprintf(self->message_, sizeof self->message_, format, values);
  }
  return 1;
}

TiffFile::TiffFile(std::span<const std::byte> bytes, const std::string& name)
    : bytes_(bytes), name_(name) {
  const std::unique_ptr<TIFFOpenOptions, void (*)(TIFFOpenOptions*)> options(TIFFOpenOptionsAlloc(),
                                                                             TIFFOpenOptionsFree);
  if (options == nullptr) throw Error("[decode_tiff] libtiff could not start");
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kMostBytesAtOnce);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), on_error, this);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), on_warning, nullptr);
  const auto size = [](thandle_t handle) {
    return toff_t(static_cast<TiffFile*>(handle)->bytes_.size());
  };
  // "m": no memory mapping through libtiff; the bytes are in memory as it is.
  tiff_ = TIFFClientOpenExt("", "rm", this, read, refuse_write, seek, on_close, size, nullptr,
                            nullptr, options.get());
  if (tiff_ == nullptr) refuse();
}

TiffFile::~TiffFile() {
  if (tiff_ != nullptr) TIFFClose(tiff_);
}

void TiffFile::refuse() const {
  throw IoError(
      concat(name_, ": damaged TIFF: ", message_[0] != 0 ? message_ : "libtiff does not say why"));
}

uint16_t TiffFile::field16(uint32_t tag) const {
  uint16_t value = 0;
  TIFFGetFieldDefaulted(tiff_, tag, &value);
  return value;
}

uint32_t TiffFile::field32(uint32_t tag) const {
  uint32_t value = 0;
  TIFFGetFieldDefaulted(tiff_, tag, &value);
  return value;
}

int TiffFile::count_pages() {
  int pages = 1;
  for (int i = 0; i < kMostDirectories && pages < 2 && !TIFFLastDirectory(tiff_); ++i) {
    if (!TIFFReadDirectory(tiff_)) refuse();
    if ((field32(TIFFTAG_SUBFILETYPE) & FILETYPE_REDUCEDIMAGE) == 0) ++pages;
  }
  if (!TIFFSetDirectory(tiff_, 0)) refuse();
  return pages;
}

}  // namespace tessera::media
