#include "tessera/segmentation/training/embedding_cache.h"

#include <fstream>
#include <vector>

#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/testing/temporary_folder.h"

namespace tessera::segmentation {
namespace {

using tessera::testing::TemporaryFolder;
using Found = EmbeddingCache::Found;

constexpr EmbeddingShape kShape{4, 3};

std::vector<std::byte> some_values() {
  std::vector<std::byte> values(kShape.bytes());
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<std::byte>(i * 37);
  return values;
}

struct OneEntry {
  OneEntry() : cache(folder.path() / "cache", "sam", kShape), key(cache.key("image", "view")) {
    cache.write(key, some_values());
    path = folder.path() / "cache" / (key + ".emb");
  }
  Found read() {
    std::vector<std::byte> values(kShape.bytes());
    return cache.read(key, values);
  }
  TemporaryFolder folder;
  EmbeddingCache cache;
  std::string key;
  std::filesystem::path path;
};

TEST(EmbeddingCache, ReadsBackTheSameBits) {
  OneEntry entry;
  std::vector<std::byte> values(kShape.bytes());
  EXPECT_EQ(entry.cache.read(entry.key, values), Found::kYes);
  EXPECT_EQ(values, some_values());
  EXPECT_EQ(entry.cache.read(entry.cache.key("other", "view"), values), Found::kNo);
}

TEST(EmbeddingCache, KeysDifferByImageViewAndSam) {
  OneEntry entry;
  const EmbeddingCache other(entry.folder.path() / "cache", "another sam", kShape);
  EXPECT_NE(entry.key, entry.cache.key("image2", "view"));
  EXPECT_NE(entry.key, entry.cache.key("image", "view2"));
  EXPECT_NE(entry.key, other.key("image", "view"));
}

TEST(EmbeddingCache, FindsTruncatedEntries) {
  OneEntry entry;
  for (const uintmax_t size :
       {std::filesystem::file_size(entry.path) - 1, uintmax_t{20}, uintmax_t{0}}) {
    std::filesystem::resize_file(entry.path, size);
    EXPECT_EQ(entry.read(), Found::kDamaged);
    EXPECT_FALSE(entry.cache.contains(entry.key));
  }
  entry.cache.write(entry.key, some_values());
  EXPECT_EQ(entry.read(), Found::kYes);
}

TEST(EmbeddingCache, FindsEveryChangedByte) {
  OneEntry entry;
  const auto size = std::filesystem::file_size(entry.path);
  for (uintmax_t at = 0; at < size; ++at) {
    std::fstream file(entry.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(at));
    const int byte = file.get();
    const auto put = [&](int value) {
      file.seekp(static_cast<std::streamoff>(at));
      file.put(static_cast<char>(value));
      file.flush();
    };
    put(byte ^ 16);
    EXPECT_EQ(entry.read(), Found::kDamaged) << "byte " << at;
    put(byte);
    EXPECT_EQ(entry.read(), Found::kYes);
  }
}

TEST(EmbeddingCache, RefusesAnEntryUnderAnotherName) {
  OneEntry entry;
  const auto other = entry.cache.key("image", "view2");
  std::filesystem::rename(entry.path, entry.folder.path() / "cache" / (other + ".emb"));
  std::vector<std::byte> values(kShape.bytes());
  EXPECT_EQ(entry.cache.read(other, values), Found::kDamaged);
}

TEST(EmbeddingCache, CountsWhatTheDiskMustHold) {
  OneEntry entry;
  const std::vector<std::string> keys = {entry.key, entry.cache.key("b", "v"),
                                         entry.cache.key("b", "v")};
  auto need = entry.cache.disk_need(keys);
  EXPECT_EQ(need.entries, 2);
  EXPECT_EQ(need.missing, 1);
  EXPECT_EQ(need.bytes_each, 4096u);
  EXPECT_GT(need.bytes_free, 0u);
  check_disk_need(need, "cache");
  need.missing = int64_t{1} << 40;
  try {
    check_disk_need(need, "cache");
    FAIL();
  } catch (const IoError& error) {
    EXPECT_NE(std::string(error.what()).find("cache: the embeddings of this run must fit"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace tessera::segmentation
