#include <cmath>
#include <string>

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>

#include "tessera/video/wan/dit.h"

namespace tessera::video {
namespace {

bool starts_with_any(const std::string& name, std::initializer_list<const char*> prefixes) {
  for (const char* prefix : prefixes)
    if (name.starts_with(prefix)) return true;
  return false;
}

bool is_norm(const std::string& name) { return name.find("norm") != std::string::npos; }

/// Standard deviation of a parameter's normal distribution, or the bound of its uniform one.
void initialise(const std::string& name, at::Tensor parameter, int64_t dim,
                const at::Generator& generator) {
  if (is_norm(name)) return;  // one and zero since construction
  if (name.ends_with("modulation")) {
    parameter.normal_(0, 1 / std::sqrt(static_cast<double>(dim)), generator);
  } else if (name.ends_with("bias") || name == "head.head.weight") {
    parameter.zero_();
  } else if (starts_with_any(name, {"time_embedding", "text_embedding"})) {
    parameter.normal_(0, 0.02, generator);
  } else {  // Xavier, the patch's convolution seen as a product
    const double fan = static_cast<double>(parameter.size(0) + parameter.flatten(1).size(1));
    const double bound = std::sqrt(6 / fan);
    parameter.uniform_(-bound, bound, generator);
  }
}

}  // namespace

void initialise_weights(WanModel& model, uint64_t seed) {
  const at::NoGradGuard no_grad;
  const auto generator = at::detail::createCPUGenerator(seed);
  for (const auto& entry : model.named_parameters())
    initialise(entry.key(), entry.value(), model.config().dim, generator);
}

}  // namespace tessera::video
