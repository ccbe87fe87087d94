// SAM's image embeddings on disk: SAM is frozen, so each picture needs its encoder once.
//
// One file an entry, named by the SHA-256 of (image digest, what the picture shows of it, SAM's
// digest); several runs may share a folder. A file is a header of 64 bytes (magic, key, shape,
// checksum of the data) and the fp16 values; it is written under a temporary name and renamed, and
// not flushed: an entry that a power cut damages is found by its checksum and computed again.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace tessera::segmentation {

/// [channels, grid, grid], fp16.
struct EmbeddingShape {
  int64_t channels = 256, grid = 64;
  size_t bytes() const { return static_cast<size_t>(channels * grid * grid) * 2; }
};

class EmbeddingCache {
 public:
  /// Makes the folder. Throws IoError.
  EmbeddingCache(std::filesystem::path folder, std::string sam_digest, EmbeddingShape shape);

  /// 64 hexadecimal digits. `shown`: view_text() or tile_text().
  std::string key(std::string_view image_digest, std::string_view shown) const;

  enum class Found { kYes, kNo, kDamaged };

  /// Reads an entry into `values` (shape.bytes()). Damaged: another size, header or checksum; the
  /// caller computes it again and stores it. May be called from several threads.
  Found read(const std::string& key, std::span<std::byte> values) const;

  /// Throws IoError (disk full). May be called from several threads, and processes.
  void write(const std::string& key, std::span<const std::byte> values) const;

  bool contains(const std::string& key) const;

  /// What entries to come need, and what the disk has.
  struct DiskNeed {
    int64_t entries = 0, missing = 0;  // of those asked for, not there yet
    uint64_t bytes_each = 0, bytes_free = 0;
    /// "3688 embeddings, 7.21 GiB on disk: 12 to compute, 0.02 GiB to write, 45.00 GiB free".
    std::string text() const;
  };
  DiskNeed disk_need(std::span<const std::string> keys) const;

  const EmbeddingShape& shape() const { return shape_; }
  const std::filesystem::path& folder() const { return folder_; }

 private:
  std::filesystem::path path_of(const std::string& key) const;
  std::filesystem::path folder_;
  std::string sam_digest_;
  EmbeddingShape shape_;
  mutable std::atomic<uint64_t> writes_{0};
};

/// Throws IoError that names the numbers when the disk lacks what is needed.
void check_disk_need(const EmbeddingCache::DiskNeed& need, const std::filesystem::path& folder);

}  // namespace tessera::segmentation
