#include "tessera/segmentation/training/embedding_stores.h"

#include <cstring>
#include <map>
#include <span>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>

#include "tessera/core/error.h"

namespace tessera::segmentation {

using at::Tensor;

bool DeviceEmbeddings::contains(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return entries_.contains(key);
}

Tensor DeviceEmbeddings::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(key);
  return found == entries_.end() ? Tensor() : found->second;
}

void DeviceEmbeddings::keep(const std::string& key, const Tensor& embedding) {
  const std::lock_guard lock(mutex_);
  const auto bytes = static_cast<int64_t>(embedding.nbytes());
  if (bytes > bytes_left_ || entries_.contains(key)) return;
  entries_[key] = embedding.clone();
  bytes_left_ -= bytes;
}

std::string EmbeddingStores::key(std::string_view image_digest, std::string_view shown) const {
  if (disk != nullptr) return disk->key(image_digest, shown);
  return device != nullptr ? concat(image_digest, '\n', shown) : "";
}

EmbeddingRequest request_embedding(const EmbeddingLookup& lookup, std::string key,
                                   const std::string& name, const std::function<Picture()>& render,
                                   std::vector<std::string>* warnings) {
  const auto& [disk, device] = lookup.stores;
  EmbeddingRequest request{std::move(key), {}, {}};
  if (device != nullptr && device->contains(request.key)) return request;
  if (disk != nullptr && !request.key.empty()) {
    const EmbeddingShape& shape = disk->shape();
    const Tensor values =
        at::empty({shape.channels, shape.grid, shape.grid},
                  at::TensorOptions().dtype(at::kHalf).pinned_memory(lookup.is_pinned));
    const auto found = disk->read(
        request.key, {static_cast<std::byte*>(values.mutable_data_ptr()), shape.bytes()});
    if (found == EmbeddingCache::Found::kYes) {
      request.found = values;
      return request;
    }
    if (found == EmbeddingCache::Found::kDamaged && warnings != nullptr) {
      warnings->push_back(concat((disk->folder() / request.key).string(),
                                 ".emb: was damaged and is computed again (", name, ")"));
    }
  }
  request.picture = render();
  return request;
}

namespace {

/// An embedding that was computed since the request was made.
Tensor find_again(const EmbeddingRequest& request, const EmbeddingStores& stores,
                  at::Device device) {
  if (stores.device != nullptr) {
    if (Tensor found = stores.device->find(request.key); found.defined()) return found;
  }
  if (stores.disk == nullptr || !stores.disk->contains(request.key)) return {};
  const EmbeddingShape& shape = stores.disk->shape();
  const Tensor values = at::empty({shape.channels, shape.grid, shape.grid}, at::kHalf);
  const auto found = stores.disk->read(
      request.key, {static_cast<std::byte*>(values.mutable_data_ptr()), shape.bytes()});
  return found == EmbeddingCache::Found::kYes ? values.to(device) : Tensor();
}

/// SAM's answers to the requests at `slots`, fp16 [slots, C, g, g]; kept on disk.
Tensor ask_sam(const AutoSamModel& model, const std::vector<EmbeddingRequest>& requests,
               const std::vector<size_t>& slots, const EmbeddingCache* disk) {
  TESSERA_CHECK(model.frozen_sam().sam != nullptr, "[autosam] embeddings need a SAM, got: none");
  const at::Device device = model.device();
  const auto count = static_cast<int64_t>(slots.size());
  const int64_t side = requests[slots[0]].picture.side;
  Tensor pictures = at::empty({count, 3, side, side},
                              at::TensorOptions().dtype(at::kByte).pinned_memory(device.is_cuda()));
  for (int64_t i = 0; i < count; ++i) copy_picture(requests[slots[i]].picture, pictures, i);
  const Tensor computed =
      embed(*model.frozen_sam().sam, pictures.to(device, /*non_blocking=*/true));
  if (disk == nullptr) return computed;
  const Tensor host = computed.to(at::kCPU).contiguous();
  const auto* begin = static_cast<const std::byte*>(host.const_data_ptr());
  const size_t size = disk->shape().bytes();
  for (int64_t i = 0; i < count; ++i) {
    const std::string& key = requests[slots[i]].key;
    if (!key.empty()) disk->write(key, {begin + i * size, size});
  }
  return computed;
}

}  // namespace

Tensor resolve_embeddings(const AutoSamModel& model, std::vector<EmbeddingRequest>& requests,
                          const EmbeddingStores& stores, int64_t& num_embedded) {
  const at::Device device = model.device();
  std::vector<Tensor> parts(requests.size());
  std::vector<size_t> pending;
  std::map<std::string, size_t> pending_of;      // by key
  std::vector<std::pair<size_t, size_t>> twins;  // a slot and the one that it equals
  std::vector<size_t> fresh;                     // not on the device yet
  for (size_t slot = 0; slot < requests.size(); ++slot) {
    const EmbeddingRequest& request = requests[slot];
    if (request.found.defined()) {
      parts[slot] = request.found.to(device, /*non_blocking=*/true);
      fresh.push_back(slot);
      continue;
    }
    if (!request.key.empty()) {
      if (const auto first = pending_of.find(request.key); first != pending_of.end()) {
        twins.emplace_back(slot, first->second);
        continue;
      }
      parts[slot] = find_again(request, stores, device);
      if (parts[slot].defined()) continue;
      pending_of[request.key] = slot;
    }
    pending.push_back(slot);
  }
  if (!pending.empty()) {
    const Tensor computed = ask_sam(model, requests, pending, stores.disk);
    num_embedded += computed.size(0);
    for (size_t i = 0; i < pending.size(); ++i)
      parts[pending[i]] = computed[static_cast<int64_t>(i)];
    fresh.insert(fresh.end(), pending.begin(), pending.end());
  }
  if (stores.device != nullptr) {
    for (const size_t slot : fresh)
      if (!requests[slot].key.empty()) stores.device->keep(requests[slot].key, parts[slot]);
  }
  for (const auto& [slot, equal] : twins) parts[slot] = parts[equal];
  return at::stack(parts);
}

void copy_picture(const Picture& picture, Tensor& to, int64_t slot) {
  TESSERA_ASSERT(picture.planes.size() == to.nbytes() / to.size(0));
  std::memcpy(static_cast<uint8_t*>(to.mutable_data_ptr()) + slot * picture.planes.size(),
              picture.planes.data(), picture.planes.size());
}

}  // namespace tessera::segmentation
