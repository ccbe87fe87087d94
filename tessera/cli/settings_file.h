// Flags from files: TOML settings (--config) and the sidecar of an earlier film (--rerun).
//
//   prompt = "two red circles moving left"
//   steps = 40
//   [compare]         # a table under a command's name is for that command alone
//   seed = 7
//   [segment.train]   # `tessera segment train`; [segment] is for all of its commands
//   epochs = 50
//
// Keys are the long flags' names. The command line wins over --config, which wins over --rerun.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

namespace tessera::cli {

/// Flag names with the values as they would stand on the command line.
using Settings = std::vector<std::pair<std::string, std::vector<std::string>>>;

/// "generate", "segment train".
std::string command_name(const CLI::App& command);

/// The file's keys outside tables, and those in the tables of `command` and its group. Throws
/// IoError (no such file, not TOML), InvalidArgument (a value that is neither text, number, truth
/// value nor list; a table that is no command of the program). Messages begin with the path.
Settings read_toml_settings(const std::filesystem::path& path, const CLI::App& command);

/// The object `settings` of a JSON file that a command left beside its results. Throws IoError
/// when that is not of the schema.
Settings read_sidecar_settings(const std::filesystem::path& path,
                               const std::string& schema = "tessera.generate/1");

/// Gives the flags of `command` that are not set yet the values in `settings`. Throws
/// InvalidArgument for a key that is no flag of the command or a value that it refuses; `source`
/// is the file, for the message.
void apply_settings(CLI::App& command, const Settings& settings, const std::string& source);

/// Applies the file that the command's flag --config names, if it was given.
void apply_config_flag(CLI::App& command);

}  // namespace tessera::cli
