#include "tessera/nn/training/training_checkpoint.h"

#include <charconv>
#include <cstring>
#include <map>

#include <ATen/core/Tensor.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "tessera/core/error.h"
#include "tessera/core/safetensors.h"

namespace tessera::nn {
namespace {

/// The vectors of a run under their names in the file.
std::map<std::string, at::Tensor> vectors_of(const at::Tensor& values, const Optimiser& optimiser) {
  return {{"values", values},
          {"first_moment", optimiser.first_moment},
          {"second_moment", optimiser.second_moment},
          {"average", optimiser.average},
          {"num_steps", optimiser.num_steps}};
}

double number_of(const SafetensorsFile& file, const std::string& key) {
  const auto found = file.metadata().find(key);
  double value = 0;
  if (found != file.metadata().end()) {
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc() && end == text.data() + text.size() && value >= 0) return value;
  }
  throw IoError(concat(file.name(), ": \"", key, "\" must be a number >= 0"));
}

std::string text_of(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof(text), value).ptr};
}

}  // namespace

void save_checkpoint(const std::filesystem::path& path, const at::Tensor& values,
                     const Optimiser& optimiser, const TrainingPosition& position,
                     const std::string& fingerprint) {
  std::map<std::string, at::Tensor> on_host;
  TensorMap stored;
  for (const auto& [name, tensor] : vectors_of(values, optimiser)) {
    const at::Tensor& host = on_host[name] = tensor.detach().to(at::kCPU).contiguous();
    stored[name] = {DType::kFloat32,
                    {host.numel()},
                    {static_cast<const std::byte*>(host.const_data_ptr()), host.nbytes()}};
  }
  save_safetensors(path, stored,
                   {{"format", "tessera.training/1"},
                    {"fingerprint", fingerprint},
                    {"step", std::to_string(position.step)},
                    {"elapsed_seconds", text_of(position.elapsed_seconds)},
                    {"samples", text_of(position.samples)}});
}

TrainingPosition load_checkpoint(const std::filesystem::path& path, at::Tensor values,
                                 Optimiser& optimiser, const std::string& fingerprint) {
  const at::NoGradGuard no_grad;
  const SafetensorsFile file(path);
  const auto& metadata = file.metadata();
  const auto entry = [&](const char* key) {
    const auto found = metadata.find(key);
    return found == metadata.end() ? std::string("nothing") : found->second;
  };
  if (entry("format") != "tessera.training/1") {
    throw IoError(
        concat(path.string(), ": must be a training checkpoint, got format: ", entry("format")));
  }
  if (entry("fingerprint") != fingerprint) {
    throw IoError(concat(path.string(), ": is of another model or other settings: ",
                         entry("fingerprint"), ", this run has: ", fingerprint));
  }
  for (auto& [name, tensor] : vectors_of(values, optimiser)) {
    const StoredTensor& stored = file.at(name);
    if (stored.dtype != DType::kFloat32 || stored.bytes.size() != tensor.nbytes()) {
      throw IoError(
          concat(path.string(), ": \"", name, "\" must have ", tensor.numel(), " fp32 values"));
    }
    at::Tensor host = at::empty({tensor.numel()}, at::kFloat);
    std::memcpy(host.mutable_data_ptr(), stored.bytes.data(), stored.bytes.size());
    at::Tensor target = tensor;
    target.copy_(host.view(tensor.sizes()));
  }
  return {static_cast<int64_t>(number_of(file, "step")), number_of(file, "elapsed_seconds"),
          number_of(file, "samples")};
}

}  // namespace tessera::nn
