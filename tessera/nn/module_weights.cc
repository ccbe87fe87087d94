#include <ATen/core/grad_mode.h>
#include <torch/nn/module.h>

#include "tessera/core/error.h"
#include "tessera/nn/weight_files.h"

namespace tessera::nn {
namespace {

// More names than this say nothing more.
constexpr size_t kMaxNamesInMessage = 8;

std::string list(const std::string& title, const std::vector<std::string>& names) {
  if (names.empty()) return "";
  std::string text = "; " + title + " ";
  for (size_t i = 0; i < std::min(names.size(), kMaxNamesInMessage); ++i)
    text += (i == 0 ? "" : ", ") + names[i];
  if (names.size() > kMaxNamesInMessage)
    text += concat(" and ", names.size() - kMaxNamesInMessage, " more");
  return text;
}

std::string quoted(const std::string& name) { return "\"" + name + "\""; }

}  // namespace

NamedTensors module_tensors(const std::vector<ModulePart>& parts) {
  NamedTensors tensors;
  for (const auto& part : parts) {
    for (const auto& entry : part.module->named_parameters())
      tensors[part.prefix + entry.key()] = entry.value();
    for (const auto& entry : part.module->named_buffers())
      tensors[part.prefix + entry.key()] = entry.value();
  }
  return tensors;
}

void load_modules(const Weights& weights, const std::vector<ModulePart>& parts) {
  const NamedTensors targets = module_tensors(parts);
  std::vector<std::string> missing, unexpected, misshapen;
  for (const auto& [name, target] : targets) {
    const auto found = weights.tensors.find(name);
    if (found == weights.tensors.end()) {
      missing.push_back(quoted(name));
    } else if (found->second.sizes() != target.sizes()) {
      misshapen.push_back(
          concat(quoted(name), " must be ", target.sizes(), ", got: ", found->second.sizes()));
    } else if (found->second.is_floating_point() != target.is_floating_point()) {
      misshapen.push_back(
          concat(quoted(name), " must be like ", target.dtype(), ", got: ", found->second.dtype()));
    }
  }
  for (const auto& [name, tensor] : weights.tensors)
    if (!targets.contains(name)) unexpected.push_back(quoted(name));
  if (!missing.empty() || !unexpected.empty() || !misshapen.empty())
    throw IoError(concat(weights.source, ": the weights do not fit the model",
                         list("missing:", missing), list("unexpected:", unexpected),
                         list("wrong shape or type:", misshapen)));

  const at::NoGradGuard no_grad;
  for (auto [name, target] : targets) target.copy_(weights.tensors.at(name));
}

}  // namespace tessera::nn
