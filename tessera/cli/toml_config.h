// The flags of a command, read from a TOML file: `--config settings.toml`.
//
//   prompt = "two red circles moving left"
//   steps = 40
//   [generate]        # or under the command's name, when one file serves several
//   seed = 7
//
// Keys are the long flags' names; flags given on the command line win. An unknown key is refused.
#pragma once

#include <memory>

#include <CLI/CLI.hpp>

namespace tessera::cli {

/// A reader of real TOML for CLI11 (its own accepts only a part of the language).
std::shared_ptr<CLI::Config> make_toml_config();

/// Adds --config to a command.
void add_config_flag(CLI::App& command);

}  // namespace tessera::cli
