#include "tessera/nn/torch_zip.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "tessera/core/error.h"
#include "tessera/nn/byte_reader.h"

namespace tessera::nn {
namespace {

using Bytes = std::span<const std::byte>;

constexpr uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50,
                   kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr size_t kEndSize = 22, kLocatorSize = 20, kMaxComment = 65535;
constexpr uint32_t kSeeZip64 = 0xFFFFFFFF;

struct Archive {
  Bytes bytes;
  std::string name;

  [[noreturn]] void fail(const std::string& rule, const std::string& got) const {
    throw IoError(concat(name, ": ", rule, ", got: ", got));
  }

  /// The bytes from an offset that stands in the file.
  ByteReader at(uint64_t offset, const std::string& what) const {
    if (offset > bytes.size())
      fail(concat("the archive's ", what, " must start within its ", bytes.size(), " bytes"),
           concat(offset));
    return ByteReader(bytes.subspan(offset), concat(name, ": the archive's ", what));
  }
};

struct Directory {
  uint64_t num_entries = 0, offset = 0;
};

struct Entry {
  std::string name;
  uint64_t size = 0, header_offset = 0;
};

/// Where the end record starts: the last place whose comment reaches exactly to the file's end.
std::optional<size_t> find_end(Bytes bytes) {
  if (bytes.size() < kEndSize) return std::nullopt;
  const size_t last = bytes.size() - kEndSize;
  const size_t first = last > kMaxComment ? last - kMaxComment : 0;
  for (size_t start = last + 1; start-- > first;) {
    ByteReader record(bytes.subspan(start), "");
    if (record.number<uint32_t>() != kEnd) continue;
    record.take(kEndSize - 6);
    if (record.number<uint16_t>() == record.remaining()) return start;
  }
  return std::nullopt;
}

/// The 64-bit end record, which torch always writes, where its locator stands before the end.
std::optional<Directory> read_end64(const Archive& archive, size_t end) {
  if (end < kLocatorSize) return std::nullopt;
  auto locator = archive.at(end - kLocatorSize, "locator");
  if (locator.number<uint32_t>() != kEnd64Locator) return std::nullopt;
  locator.take(4);
  auto record = archive.at(locator.number<uint64_t>(), "64-bit end record");
  if (record.number<uint32_t>() != kEnd64) archive.fail("must have a 64-bit end record", "none");
  record.take(28);
  Directory directory;
  directory.num_entries = record.number<uint64_t>();
  record.take(8);
  directory.offset = record.number<uint64_t>();
  return directory;
}

Directory read_directory(const Archive& archive) {
  const auto end = find_end(archive.bytes);
  if (!end) archive.fail("must end in a ZIP directory", "none; the file may be cut short");
  if (const auto directory = read_end64(archive, *end)) return *directory;
  auto record = archive.at(*end, "end record");
  record.take(10);
  Directory directory;
  directory.num_entries = record.number<uint16_t>();
  record.take(4);
  directory.offset = record.number<uint32_t>();
  return directory;
}

/// Replaces sizes that do not fit into 32 bits by those of the "extra" field with the id 1.
void read_extra(ByteReader extra, uint64_t& size, uint64_t& stored_size, uint64_t& offset) {
  while (extra.remaining() >= 4) {
    const auto id = extra.number<uint16_t>();
    const auto length = extra.number<uint16_t>();
    ByteReader field(extra.take(length), "extra field");
    if (id != 1) continue;
    for (uint64_t* value : {&size, &stored_size, &offset})
      if (*value == kSeeZip64) *value = field.number<uint64_t>();
    return;
  }
}

Entry read_entry(const Archive& archive, ByteReader& directory) {
  if (directory.number<uint32_t>() != kCentralHeader)
    archive.fail("the archive's directory must hold entries", "other bytes");
  directory.take(4);
  const auto flags = directory.number<uint16_t>();
  const auto method = directory.number<uint16_t>();
  directory.take(8);
  uint64_t stored_size = directory.number<uint32_t>();
  uint64_t size = directory.number<uint32_t>();
  const auto name_length = directory.number<uint16_t>();
  const auto extra_length = directory.number<uint16_t>();
  const auto comment_length = directory.number<uint16_t>();
  directory.take(8);
  uint64_t offset = directory.number<uint32_t>();
  Entry entry;
  entry.name = directory.text(name_length);
  read_extra(ByteReader(directory.take(extra_length), concat(archive.name, ": an extra field")),
             size, stored_size, offset);
  directory.take(comment_length);
  if (method != 0 || stored_size != size)
    archive.fail(concat("entry \"", entry.name, "\" must be stored, as torch.save does"),
                 concat("compression method ", method));
  if ((flags & 1) != 0)
    archive.fail(concat("entry \"", entry.name, "\" must be plain"), "encrypted");
  entry.size = size;
  entry.header_offset = offset;
  return entry;
}

Bytes data_of(const Archive& archive, const Entry& entry) {
  auto local = archive.at(entry.header_offset, concat("entry \"", entry.name, "\""));
  if (local.number<uint32_t>() != kLocalHeader)
    archive.fail(concat("entry \"", entry.name, "\" must start with its header"), "other bytes");
  local.take(22);
  const auto name_length = local.number<uint16_t>();
  const auto extra_length = local.number<uint16_t>();
  local.take(name_length + extra_length);
  return local.take(entry.size);
}

}  // namespace

std::map<std::string, Bytes> read_stored_zip(Bytes bytes, const std::string& name) {
  const Archive archive{bytes, name};
  const Directory directory = read_directory(archive);
  auto reader = archive.at(directory.offset, "directory");
  std::map<std::string, Bytes> entries;
  for (uint64_t i = 0; i < directory.num_entries; ++i) {
    const Entry entry = read_entry(archive, reader);
    if (!entries.emplace(entry.name, data_of(archive, entry)).second)
      archive.fail(concat("entry \"", entry.name, "\" must come once"), "twice");
  }
  return entries;
}

}  // namespace tessera::nn
