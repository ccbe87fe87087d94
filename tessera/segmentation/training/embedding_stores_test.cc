#include "tessera/segmentation/training/embedding_stores.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "tessera/segmentation/training/testing/toy_run.h"

namespace tessera::segmentation {
namespace {

using tessera::testing::TemporaryFolder;
using namespace segmentation::testing;

TEST(DeviceEmbeddings, KeepsCopiesUntilItsBytesAreUsedUp) {
  const at::Tensor one = at::rand({2, 3, 3}).to(at::kHalf);
  DeviceEmbeddings kept(2 * static_cast<int64_t>(one.nbytes()) + 1);
  kept.keep("a", one);
  const at::Tensor before = one.clone();
  one.zero_();
  kept.keep("a", one);  // is there already
  kept.keep("b", one);
  kept.keep("c", one);  // no room
  ASSERT_TRUE(kept.contains("a"));
  EXPECT_TRUE(at::equal(kept.find("a"), before));
  EXPECT_TRUE(kept.contains("b"));
  EXPECT_FALSE(kept.contains("c"));
  EXPECT_FALSE(kept.find("c").defined());
}

TEST(EmbeddingStores, NameNothingWhereNothingIsKept) {
  DeviceEmbeddings device(100);
  EXPECT_EQ(EmbeddingStores{}.key("image", "view"), "");
  const EmbeddingStores stores{.device = &device};
  EXPECT_NE(stores.key("image", "view"), stores.key("image", "view2"));
  EXPECT_NE(stores.key("image", "view"), stores.key("image2", "view"));
}

class ResolveEmbeddings : public ::testing::Test {
 protected:
  ResolveEmbeddings() : sam_(tiny_sam()), model_(autosam_config({}, sam_, 64), sam_, 1) {
    for (int i = 0; i < 4; ++i) {
      Picture picture{64, std::vector<uint8_t>(3 * 64 * 64)};
      for (size_t k = 0; k < picture.planes.size(); ++k)
        picture.planes[k] = static_cast<uint8_t>((k * (7 + i)) >> 3);
      pictures_.push_back(picture);
    }
  }

  /// Asks for the pictures in this order; `rendered_` counts those that were made for it.
  at::Tensor resolve(const EmbeddingStores& stores, const std::vector<int>& order) {
    std::vector<EmbeddingRequest> requests;
    for (const int i : order) {
      requests.push_back(request_embedding(
          {stores}, stores.key("image", std::to_string(i)), "a view",
          [&, i] {
            ++rendered_;
            return pictures_[i];
          },
          nullptr));
    }
    return resolve_embeddings(model_, requests, stores, embedded_);
  }

  FrozenSam sam_;
  AutoSamModel model_;
  std::vector<Picture> pictures_;
  int rendered_ = 0;
  int64_t embedded_ = 0;
};

TEST_F(ResolveEmbeddings, GivesTheSameFromSamFromTheDeviceAndFromDisk) {
  const at::Tensor expected = resolve({}, {0, 1, 2, 1});
  EXPECT_EQ(embedded_, 4);  // nothing is kept, so the twin too
  const TemporaryFolder folder;
  const auto& config = model_.config();
  const EmbeddingCache disk(folder.path() / "cache", sam_.digest,
                            EmbeddingShape{config.prompt_dim, config.grid});
  DeviceEmbeddings device(1 << 20);
  for (const EmbeddingStores& stores :
       {EmbeddingStores{&disk, nullptr}, EmbeddingStores{nullptr, &device},
        EmbeddingStores{&disk, &device}}) {
    rendered_ = 0;
    embedded_ = 0;
    EXPECT_TRUE(at::equal(resolve(stores, {0, 1, 2, 1}), expected));
    const bool is_filled = stores.disk != nullptr && stores.device != nullptr;
    EXPECT_EQ(embedded_, is_filled ? 0 : 3);
    rendered_ = 0;
    EXPECT_TRUE(at::equal(resolve(stores, {2, 0}), expected.index_select(0, at::tensor({2, 0}))));
    EXPECT_EQ(embedded_, is_filled ? 0 : 3);
    EXPECT_EQ(rendered_, 0);
  }
}

TEST_F(ResolveEmbeddings, FindsWhatWasComputedSinceItWasAskedFor) {
  DeviceEmbeddings device(1 << 20);
  const EmbeddingStores stores{nullptr, &device};
  std::vector<EmbeddingRequest> early;
  early.push_back(request_embedding(
      {stores}, stores.key("image", "3"), "a view", [&] { return pictures_[3]; }, nullptr));
  const at::Tensor expected = resolve(stores, {3});
  EXPECT_TRUE(at::equal(resolve_embeddings(model_, early, stores, embedded_), expected));
  EXPECT_EQ(embedded_, 1);
}

}  // namespace
}  // namespace tessera::segmentation
