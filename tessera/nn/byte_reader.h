// Private: reads little-endian numbers off a span, never past its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "tessera/core/error.h"

namespace tessera::nn {

class ByteReader {
 public:
  /// `what` names the bytes in messages: "<file>: <part>".
  ByteReader(std::span<const std::byte> bytes, std::string what)
      : bytes_(bytes), what_(std::move(what)) {}

  size_t remaining() const { return bytes_.size() - position_; }

  std::span<const std::byte> take(uint64_t count) {
    if (count > remaining())
      fail(concat("must have ", count, " more bytes at ", position_), concat(remaining()));
    position_ += count;
    return bytes_.subspan(position_ - count, count);
  }

  template <typename Number>
  Number number() {
    Number value;
    std::memcpy(&value, take(sizeof(Number)).data(), sizeof(Number));
    return value;
  }

  std::string_view text(uint64_t count) {
    const auto bytes = take(count);
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }

  [[noreturn]] void fail(const std::string& rule, const std::string& got) const {
    throw IoError(concat(what_, " ", rule, ", got: ", got));
  }

 private:
  std::span<const std::byte> bytes_;
  std::string what_;
  size_t position_ = 0;
};

}  // namespace tessera::nn
