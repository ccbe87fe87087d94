// What a network's output means, and the clean sample that follows from it.
#pragma once

#include <ATen/core/Tensor.h>

#include "tessera/video/wan/config.h"

namespace tessera::video {

/// The clean sample x0 that `output` says is in x = (1 - sigma) x0 + sigma noise. sigma: a tensor
/// that broadcasts against x, in (0, 1].
at::Tensor clean_sample(Prediction prediction, const at::Tensor& output, const at::Tensor& x,
                        const at::Tensor& sigma);

/// The velocity noise - x0 that `output` says. Same arguments.
at::Tensor velocity(Prediction prediction, const at::Tensor& output, const at::Tensor& x,
                    const at::Tensor& sigma);

/// `output` minus what it should have been, for the loss.
at::Tensor prediction_error(Prediction prediction, const at::Tensor& output, const at::Tensor& x0,
                            const at::Tensor& x, const at::Tensor& sigma);

}  // namespace tessera::video
