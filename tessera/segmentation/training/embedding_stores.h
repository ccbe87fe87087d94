// SAM's embeddings of many pictures: looked up where they are kept, computed where they are not.
//
// On disk they outlive a run; on the device they cost no copy. Both may be there, or neither: then
// SAM's encoder runs each time. What a run computes does not depend on it.
#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/segmentation/data/picture.h"
#include "tessera/segmentation/training/autosam_model.h"
#include "tessera/segmentation/training/embedding_cache.h"

namespace tessera::segmentation {

/// Embeddings in the memory of the device that computes them. Never lets go of one, so what is
/// there once may be counted on. May be used from several threads.
class DeviceEmbeddings {
 public:
  explicit DeviceEmbeddings(int64_t max_bytes) : bytes_left_(max_bytes) {}

  bool contains(const std::string& key) const;
  at::Tensor find(const std::string& key) const;  // undefined where it is not

  /// Keeps a copy of `embedding`, unless it is there already or the memory is used up.
  void keep(const std::string& key, const at::Tensor& embedding);

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, at::Tensor> entries_;
  int64_t bytes_left_;
};

/// Where a run keeps embeddings; neither is owned, each may be null.
struct EmbeddingStores {
  const EmbeddingCache* disk = nullptr;
  DeviceEmbeddings* device = nullptr;

  /// Names what `shown` (view_text() or tile_text()) shows of an image; empty where nothing is
  /// kept.
  std::string key(std::string_view image_digest, std::string_view shown) const;
};

/// A picture whose embedding is asked for.
struct EmbeddingRequest {
  std::string key;   // empty: it is kept nowhere
  at::Tensor found;  // fp16 [C, g, g] on the host, as the disk had it
  Picture picture;   // for SAM's encoder; empty where the embedding is kept
};

/// How requests are prepared; the same for all of a run.
struct EmbeddingLookup {
  EmbeddingStores stores;
  bool is_pinned = false;  // `found`, for copies behind the host's back
};

/// Looks where embeddings are kept and has `render` make the picture where there is none. `name` is
/// for the warning of a damaged entry, which goes to `warnings` unless that is null. Uses no Torch
/// operator.
EmbeddingRequest request_embedding(const EmbeddingLookup& lookup, std::string key,
                                   const std::string& name, const std::function<Picture()>& render,
                                   std::vector<std::string>* warnings);

/// The embeddings asked for, fp16 [B, C, g, g] on the model's device. Those that were nowhere come
/// from SAM, all in one batch, equal keys once, and are kept. Adds the number of pictures that SAM
/// looked at to `num_embedded`.
at::Tensor resolve_embeddings(const AutoSamModel& model, std::vector<EmbeddingRequest>& requests,
                              const EmbeddingStores& stores, int64_t& num_embedded);

/// A square picture's planes, copied behind `to`.
void copy_picture(const Picture& picture, at::Tensor& to, int64_t slot);

}  // namespace tessera::segmentation
