#include "tessera/video/demo/upload.h"

#include <ATen/ops/from_blob.h>

namespace tessera::video {

Block Upload::add(const std::vector<float>& numbers, std::vector<int64_t> sizes) {
  Block block{static_cast<int64_t>(host_.size()), std::move(sizes)};
  host_.insert(host_.end(), numbers.begin(), numbers.end());
  int64_t known = 1;
  for (const int64_t size : block.sizes) known *= size < 0 ? 1 : size;
  for (int64_t& size : block.sizes) {
    if (size < 0) size = static_cast<int64_t>(numbers.size()) / known;
  }
  return block;
}

Rows Upload::add_rows(const std::vector<int64_t>& rows, int64_t batch) {
  Rows result;
  result.count = static_cast<int64_t>(rows.size());
  result.is_all = result.count == batch;
  // Row numbers are far below 2^24: exact as fp32.
  if (!result.is_all) result.index = add({rows.begin(), rows.end()}, {-1});
  return result;
}

void Upload::send(at::Device device) {
  // Not blocking: CUDA takes pageable memory over before it returns, and the device goes on with
  // what it has to do meanwhile.
  device_ = at::from_blob(host_.data(), {static_cast<int64_t>(host_.size())}, at::kFloat)
                .to(device, at::kFloat, /*non_blocking=*/true, /*copy=*/true);
}

at::Tensor Upload::operator[](const Block& block) const {
  int64_t count = 1;
  for (const int64_t size : block.sizes) count *= size;
  return device_.narrow(0, block.begin, count).view(block.sizes);
}

at::Tensor Upload::take(const at::Tensor& batch, const Rows& rows) const {
  return rows.is_all ? batch : batch.index_select(0, (*this)[rows.index].to(at::kLong));
}

void Upload::put(at::Tensor& batch, const Rows& rows, const at::Tensor& values) const {
  if (!rows.is_all) {
    batch.index_copy_(0, (*this)[rows.index].to(at::kLong), values);
  } else if (!batch.is_same(values)) {
    batch.copy_(values);
  }
}

}  // namespace tessera::video
