// Files: whole reads, and writes that either happen completely or not at all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace tessera {

/// A file mapped read-only into memory. Throws IoError (missing, a folder, unreadable).
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

/// Reads a whole text file. Throws IoError; a file over `max_bytes` is refused.
std::string read_text(const std::filesystem::path& path, size_t max_bytes = 64u << 20);

/// A file that appears under its name only when commit() is called; until then the bytes are in
/// `<name>.part-<process>` beside it, which the destructor removes.
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Where to write before commit(), for writers that open a path themselves.
  const std::filesystem::path& temporary_path() const { return temporary_; }

  void write(std::span<const std::byte> bytes);
  void write(std::string_view text);

  /// Flushes to disk and renames. Throws IoError; then the target is untouched.
  void commit();

 private:
  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
  bool is_committed_ = false;
};

/// Replaces or creates a file in one step.
void write_file(const std::filesystem::path& path, std::string_view text);

/// SHA-256 as 64 lower-case hexadecimal digits.
std::string sha256(std::span<const std::byte> bytes);
std::string sha256_of_file(const std::filesystem::path& path);

}  // namespace tessera
