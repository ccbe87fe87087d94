#include "tessera/segmentation/training/embedding_cache.h"

#include <array>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <set>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"

namespace tessera::segmentation {
namespace {

struct Header {
  std::array<char, 8> magic{'T', 'S', 'S', 'E', 'M', 'B', '0', '1'};
  std::array<unsigned char, 32> key{};
  uint32_t channels = 0, rows = 0, columns = 0, reserved = 0;
  uint64_t checksum = 0;

  bool operator==(const Header&) const = default;
};
static_assert(sizeof(Header) == 64);
static_assert(std::endian::native == std::endian::little);

/// Finds damage, not malice: four lanes of multiply and rotate, as fast as memory.
uint64_t checksum_of(std::span<const std::byte> bytes) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15ull;
  std::array<uint64_t, 4> lanes{1, 2, 3, 4};
  for (size_t at = 0; at + 32 <= bytes.size(); at += 32) {
    std::array<uint64_t, 4> words;
    std::memcpy(words.data(), bytes.data() + at, 32);
    for (int i = 0; i < 4; ++i) lanes[i] = std::rotl((lanes[i] ^ words[i]) * kOdd, 29);
  }
  uint64_t sum = bytes.size();
  for (size_t at = bytes.size() / 32 * 32; at < bytes.size(); ++at)
    sum = (sum ^ static_cast<uint64_t>(bytes[at])) * kOdd;
  for (const uint64_t lane : lanes) sum = std::rotl((sum ^ lane) * kOdd, 31);
  return sum;
}

Header header_of(const std::string& key, const EmbeddingShape& shape) {
  Header header;
  for (size_t i = 0; i < header.key.size(); ++i)
    header.key[i] = static_cast<unsigned char>(std::stoi(key.substr(2 * i, 2), nullptr, 16));
  header.channels = static_cast<uint32_t>(shape.channels);
  header.rows = header.columns = static_cast<uint32_t>(shape.grid);
  return header;
}

bool read_exactly(int descriptor, void* to, size_t size, off_t offset) {
  auto* bytes = static_cast<char*>(to);
  while (size > 0) {
    const ssize_t count = ::pread(descriptor, bytes, size, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes += count;
    offset += count;
    size -= static_cast<size_t>(count);
  }
  return true;
}

std::string gibibytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.2f GiB", static_cast<double>(bytes) / (1 << 30));
  return text;
}

/// Closes on the way out.
struct Descriptor {
  int value;
  ~Descriptor() {
    if (value >= 0) ::close(value);
  }
};

}  // namespace

EmbeddingCache::EmbeddingCache(std::filesystem::path folder, std::string sam_digest,
                               EmbeddingShape shape)
    : folder_(std::move(folder)), sam_digest_(std::move(sam_digest)), shape_(shape) {
  std::error_code failure;
  std::filesystem::create_directories(folder_, failure);
  if (failure) throw IoError(concat(folder_.string(), ": cannot be made: ", failure.message()));
}

std::string EmbeddingCache::key(std::string_view image_digest, std::string_view shown) const {
  const std::string text = concat(image_digest, '\n', shown, '\n', sam_digest_);
  return sha256(std::as_bytes(std::span(text)));
}

std::filesystem::path EmbeddingCache::path_of(const std::string& key) const {
  return folder_ / (key + ".emb");
}

EmbeddingCache::Found EmbeddingCache::read(const std::string& key,
                                           std::span<std::byte> values) const {
  TESSERA_CHECK(values.size() == shape_.bytes(), "[embedding_cache] an entry has ", shape_.bytes(),
                " bytes, got: ", values.size());
  const Descriptor file{::open(path_of(key).c_str(), O_RDONLY | O_CLOEXEC)};
  if (file.value < 0) return errno == ENOENT ? Found::kNo : Found::kDamaged;
  struct stat info {};
  Header header;
  if (::fstat(file.value, &info) != 0 ||
      static_cast<uint64_t>(info.st_size) != sizeof(Header) + values.size() ||
      !read_exactly(file.value, &header, sizeof(Header), 0) ||
      !read_exactly(file.value, values.data(), values.size(), sizeof(Header))) {
    return Found::kDamaged;
  }
  Header expected = header_of(key, shape_);
  expected.checksum = checksum_of(values);
  return header == expected ? Found::kYes : Found::kDamaged;
}

void EmbeddingCache::write(const std::string& key, std::span<const std::byte> values) const {
  TESSERA_CHECK(values.size() == shape_.bytes(), "[embedding_cache] an entry has ", shape_.bytes(),
                " bytes, got: ", values.size());
  Header header = header_of(key, shape_);
  header.checksum = checksum_of(values);
  const auto path = path_of(key);
  const std::string temporary = concat(path.string(), ".part-", ::getpid(), '-', writes_++);
  const auto fail = [&] {
    const std::string reason = std::strerror(errno);
    ::unlink(temporary.c_str());
    throw IoError(concat(path.string(), ": cannot be written: ", reason));
  };
  {
    const Descriptor file{
        ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644)};
    if (file.value < 0) fail();
    const auto put = [&](const void* from, size_t size) {
      const auto* bytes = static_cast<const char*>(from);
      while (size > 0) {
        const ssize_t count = ::write(file.value, bytes, size);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail();
        bytes += count;
        size -= static_cast<size_t>(count);
      }
    };
    put(&header, sizeof(header));
    put(values.data(), values.size());
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail();
}

bool EmbeddingCache::contains(const std::string& key) const {
  struct stat info {};
  return ::stat(path_of(key).c_str(), &info) == 0 &&
         static_cast<uint64_t>(info.st_size) == sizeof(Header) + shape_.bytes();
}

EmbeddingCache::DiskNeed EmbeddingCache::disk_need(std::span<const std::string> keys) const {
  DiskNeed need;
  const std::set<std::string> distinct(keys.begin(), keys.end());
  need.entries = static_cast<int64_t>(distinct.size());
  for (const auto& key : distinct) need.missing += contains(key) ? 0 : 1;
  // Files take whole blocks.
  constexpr uint64_t kBlock = 4096;
  need.bytes_each = (sizeof(Header) + shape_.bytes() + kBlock - 1) / kBlock * kBlock;
  std::error_code failure;
  const auto space = std::filesystem::space(folder_, failure);
  if (failure) throw IoError(concat(folder_.string(), ": cannot be asked: ", failure.message()));
  need.bytes_free = space.available;
  return need;
}

std::string EmbeddingCache::DiskNeed::text() const {
  return concat(entries, " embeddings, ", gibibytes(entries * bytes_each), " on disk: ", missing,
                " to compute, ", gibibytes(missing * bytes_each), " to write, ",
                gibibytes(bytes_free), " free");
}

void check_disk_need(const EmbeddingCache::DiskNeed& need, const std::filesystem::path& folder) {
  // A file system without any room left breaks more than this run.
  constexpr uint64_t kSpare = 256u << 20;
  const uint64_t wanted = need.missing * need.bytes_each;
  if (wanted == 0 || wanted + kSpare <= need.bytes_free) return;
  throw IoError(concat(folder.string(), ": the embeddings of this run must fit on the disk with ",
                       gibibytes(kSpare), " to spare, got: ", need.missing, " to write, ",
                       gibibytes(wanted), ", and ", gibibytes(need.bytes_free),
                       " free; fewer views per image need less, no cache needs none"));
}

}  // namespace tessera::segmentation
