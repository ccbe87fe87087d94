// An open TIFF in memory whose errors become exceptions; private to media.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include <tiffio.h>

namespace tessera::media {

/// libtiff reports errors by return values plus a text; it does not jump. The text goes to this
/// object alone (libtiff 4.5's handlers per file), warnings go nowhere, nothing is printed.
class TiffFile {
 public:
  /// Throws IoError when libtiff cannot open the bytes, which must outlive this.
  TiffFile(std::span<const std::byte> bytes, const std::string& name);
  ~TiffFile();
  TiffFile(const TiffFile&) = delete;
  TiffFile& operator=(const TiffFile&) = delete;

  TIFF* get() const { return tiff_; }
  const std::string& name() const { return name_; }
  size_t num_bytes() const { return bytes_.size(); }

  /// Throws IoError with the file's name and libtiff's last text.
  [[noreturn]] void refuse() const;

  /// A field of the current page, its default where it is absent.
  uint16_t field16(uint32_t tag) const;
  uint32_t field32(uint32_t tag) const;

  /// How many pages there are, thumbnails and pyramid levels not counted; counting stops at 2.
  /// Leaves the first page current.
  int count_pages();

 private:
  static tmsize_t read(thandle_t handle, void* to, tmsize_t count);
  static toff_t seek(thandle_t handle, toff_t offset, int whence);
  static int on_error(TIFF*, void* self, const char* module, const char* format, va_list values);

  std::span<const std::byte> bytes_;
  const std::string& name_;
  uint64_t position_ = 0;
  TIFF* tiff_ = nullptr;
  char message_[300] = {};
};

}  // namespace tessera::media
