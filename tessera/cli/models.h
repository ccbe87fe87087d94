// Where models are: by path, in $TESSERA_MODELS, or in `models` near the program.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace tessera::cli {

/// A name or a folder -> the folder that holds config.json. An existing path is taken as it is;
/// a name is looked up in $TESSERA_MODELS, then in `models` beside the program, above it, and in
/// ../share/tessera/models. Throws IoError that lists the models that are there.
std::filesystem::path find_model(const std::string& name_or_folder);

/// Every model folder in the places above, without duplicates.
std::vector<std::filesystem::path> installed_models();

/// The places, for messages.
std::string describe_model_folders();

}  // namespace tessera::cli
