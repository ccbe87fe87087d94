#include "tessera/cli/version.h"

#include <torch/headeronly/version.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/backend.h"

#include "commit.h"

namespace tessera::cli {

std::string version() { return TESSERA_VERSION; }

std::string commit() { return TESSERA_COMMIT; }

std::string torch_version() { return TORCH_VERSION; }

std::vector<std::string> attention_backends() {
  std::vector<std::string> names;
  for (const auto& name : attention::backend_names()) {
    names.push_back(attention::find_backend(name).full_name());
  }
  return names;
}

std::string version_text() {
  std::string text = "tessera " + version() + " (" + commit() + ")\ntorch " + torch_version();
  for (const auto& backend : attention_backends()) text += "\nattention back end " + backend;
  return text;
}

}  // namespace tessera::cli
