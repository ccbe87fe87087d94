#include "tessera/video/word_encoder.h"

#include <algorithm>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/embedding.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "tessera/core/error.h"

namespace tessera::video {
namespace {

/// A module with one parameter, "weight".
at::Tensor register_table(torch::nn::Module& parent, const std::string& name, int64_t rows,
                          int64_t columns) {
  auto table = std::make_shared<torch::nn::Module>();
  parent.register_module(name, table);
  return table->register_parameter("weight", at::zeros({rows, columns}));
}

}  // namespace

at::Tensor pad_ids(const std::vector<int64_t>& ids, int64_t text_len) {
  TESSERA_CHECK(static_cast<int64_t>(ids.size()) <= text_len, "[pad_ids] a prompt may have ",
                text_len, " words that the model knows, got: ", ids.size());
  auto padded = at::full({text_len}, -1, at::kLong);
  std::copy(ids.begin(), ids.end(), padded.mutable_data_ptr<int64_t>());
  return padded;
}

WordEncoder::WordEncoder(int64_t vocabulary_size, int64_t text_len, int64_t text_dim)
    : embedding_(register_table(*this, "embedding", vocabulary_size, text_dim)),
      position_(register_table(*this, "position", text_len, text_dim)) {}

at::Tensor WordEncoder::forward(const at::Tensor& ids) const {
  TESSERA_CHECK(ids.dim() == 2 && ids.size(1) == position_.size(0),
                "[WordEncoder] ids must be [B, ", position_.size(0), "], got: ", ids.sizes());
  const auto rows = at::embedding(embedding_, ids.clamp_min(0)) + position_;
  return rows * (ids >= 0).unsqueeze(2);  // [B, text_len, text_dim]
}

void initialise_weights(WordEncoder& encoder, uint64_t seed) {
  const at::NoGradGuard no_grad;
  const auto generator = at::detail::createCPUGenerator(seed);
  for (const auto& entry : encoder.named_parameters()) {
    auto parameter = entry.value();
    parameter.normal_(0, entry.key() == "position.weight" ? 0.5 : 1.0, generator);
  }
}

}  // namespace tessera::video
