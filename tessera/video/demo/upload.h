// Many small tables for the device in one copy: a copy from ordinary memory waits for the device,
// so a batch of clips should need one, not dozens.
#pragma once

#include <cstdint>
#include <vector>

#include <ATen/core/Tensor.h>

namespace tessera::video {

/// A table in an Upload.
struct Block {
  int64_t begin = 0;
  std::vector<int64_t> sizes;
};

/// Some rows of a batch, or all.
struct Rows {
  int64_t count = 0;
  bool is_all = true;
  Block index;  // [count], unless all
};

/// Tables are added first, then sent together, then used.
class Upload {
 public:
  /// Numbers in row-major order; one entry of `sizes` may be -1.
  Block add(const std::vector<float>& numbers, std::vector<int64_t> sizes);

  /// Rows of a batch of `batch`, ascending.
  Rows add_rows(const std::vector<int64_t>& rows, int64_t batch);

  void send(at::Device device);

  /// fp32, on the device.
  at::Tensor operator[](const Block& block) const;

  /// The rows of `batch`: a view if they are all, else a copy.
  at::Tensor take(const at::Tensor& batch, const Rows& rows) const;

  /// Writes what take gave back into its place.
  void put(at::Tensor& batch, const Rows& rows, const at::Tensor& values) const;

 private:
  std::vector<float> host_;
  at::Tensor device_;
};

}  // namespace tessera::video
