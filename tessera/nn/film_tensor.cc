#include "tessera/nn/film_tensor.h"

#include <cstring>

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/nan_to_num.h>

#include "tessera/core/error.h"

namespace tessera::nn {

at::Tensor film_to_tensor(const media::Frames& film) {
  media::check_frames(film, "film_to_tensor");
  auto frames = at::empty({film.num_frames, film.height, film.width, 3}, at::kByte);
  std::memcpy(frames.mutable_data_ptr(), film.rgb.data(), film.rgb.size());
  return frames;
}

media::Frames tensor_to_film(const at::Tensor& frames, double fps) {
  TESSERA_CHECK(frames.dim() == 4 && frames.size(3) == 3 && frames.scalar_type() == at::kByte,
                "[tensor_to_film] frames must be uint8 [F, H, W, 3], got: ", frames.dtype(), " ",
                frames.sizes());
  auto film = media::make_frames(static_cast<int>(frames.size(0)), static_cast<int>(frames.size(1)),
                                 static_cast<int>(frames.size(2)), fps);
  const auto dense = frames.to(at::kCPU).contiguous();
  std::memcpy(film.rgb.data(), dense.const_data_ptr(), film.rgb.size());
  return film;
}

at::Tensor to_signed_unit(const at::Tensor& frames) {
  return frames.permute({3, 0, 1, 2}).to(at::kFloat) / 255 * 2 - 1;  // [3, F, H, W]
}

at::Tensor to_bytes(const at::Tensor& sample) {
  const auto bounded = at::nan_to_num(sample, -1).clamp(-1, 1);
  return ((bounded + 1) / 2 * 255).to(at::kByte).permute({1, 2, 3, 0}).contiguous();
}

}  // namespace tessera::nn
