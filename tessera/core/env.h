// The environment variables that tessera reads, all of them here; docs/configuration.md lists them.
#pragma once

#include <optional>
#include <string>

namespace tessera::env {

/// TESSERA_ATTENTION_BACKEND: forces an attention back end by name.
std::optional<std::string> attention_backend();

/// TESSERA_MODELS: folder that holds model folders.
std::optional<std::string> models_folder();

/// TESSERA_SAM_GOLDEN: folder that `tests/golden/make_sam_golden.py --full` made, for one test.
std::optional<std::string> sam_golden_folder();

/// TESSERA_DATA: folder of public data sets that some tests read; without it they skip.
std::optional<std::string> data_folder();

}  // namespace tessera::env
