#include "tessera/cli/settings_file.h"

#include <sstream>

#include <nlohmann/json.hpp>
#include <toml++/toml.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"

namespace tessera::cli {
namespace {

std::string text_of(double value) {
  std::ostringstream text;
  text.precision(17);
  text << value;
  return text.str();
}

/// `where` begins messages: the file and the key.
std::string text_of(const toml::node& node, const std::string& where) {
  if (const auto value = node.value_exact<std::string>()) return *value;
  if (const auto value = node.value_exact<bool>()) return *value ? "true" : "false";
  if (const auto value = node.value_exact<int64_t>()) return std::to_string(*value);
  if (const auto value = node.value_exact<double>()) return text_of(*value);
  throw InvalidArgument(
      concat(where, " must be text, a number, true or false, or a list of these"));
}

std::vector<std::string> values_of(const toml::node& node, const std::string& where) {
  std::vector<std::string> values;
  if (const auto* list = node.as_array()) {
    for (const auto& entry : *list) values.push_back(text_of(entry, where));
  } else {
    values.push_back(text_of(node, where));
  }
  return values;
}

std::string text_of(const nlohmann::json& value, const std::string& where) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number() || value.is_boolean()) return value.dump();
  throw IoError(concat(where, " must be text, a number, true or false, or a list of these, got: ",
                       value.type_name()));
}

/// "a.toml: \"seed\"".
std::string place(const std::filesystem::path& path, const std::string& key) {
  return concat(path.string(), ": \"", key, "\"");
}

/// The names of all commands, "compare, demo".
std::string command_names(const CLI::App& program) {
  std::string names;
  for (const auto* command : program.get_subcommands([](const CLI::App*) { return true; })) {
    names += (names.empty() ? "" : ", ") + command->get_name();
  }
  return names;
}

/// The command's names from the program's commands down: {"segment", "train"}.
std::vector<std::string> path_of(const CLI::App& command) {
  std::vector<std::string> path;
  for (const auto* app = &command; app->get_parent() != nullptr; app = app->get_parent()) {
    path.insert(path.begin(), app->get_name());
  }
  return path;
}

const CLI::App* find_command(const CLI::App& group, const std::string& name) {
  const auto found =
      group.get_subcommands([&](const CLI::App* command) { return command->get_name() == name; });
  return found.empty() ? nullptr : found.front();
}

/// Adds what `table` holds for the command that `path` leads to from `group`: first, since the
/// first value of a flag counts, what the tables on the way hold, then its own keys.
void read_table(const toml::table& table, const CLI::App& group, std::vector<std::string> path,
                const std::filesystem::path& file, Settings& settings) {
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (!node.is_table()) continue;
    const CLI::App* owner = find_command(group, name);
    TESSERA_CHECK(owner != nullptr, file.string(), ": a table must be named after one of ",
                  command_names(group), ", got: [", name, "]");
    if (path.empty() || name != path.front()) continue;
    read_table(*node.as_table(), *owner, {path.begin() + 1, path.end()}, file, settings);
  }
  for (const auto& [key, node] : table) {
    const std::string name(key.str());
    if (!node.is_table()) settings.emplace_back(name, values_of(node, place(file, name)));
  }
}

}  // namespace

std::string command_name(const CLI::App& command) {
  std::string name;
  for (const auto& word : path_of(command)) name += (name.empty() ? "" : " ") + word;
  return name;
}

Settings read_toml_settings(const std::filesystem::path& path, const CLI::App& command) {
  toml::table table;
  try {
    table = toml::parse(read_text(path), path.string());
  } catch (const toml::parse_error& error) {
    throw IoError(concat(path.string(), ": is not valid TOML: ", error.description(), ", line ",
                         error.source().begin.line));
  }
  const CLI::App* program = &command;
  while (program->get_parent() != nullptr) program = program->get_parent();
  Settings settings;
  read_table(table, *program, path_of(command), path, settings);
  return settings;
}

Settings read_sidecar_settings(const std::filesystem::path& path, const std::string& wanted) {
  nlohmann::json sidecar;
  try {
    sidecar = nlohmann::json::parse(read_text(path));
  } catch (const nlohmann::json::exception&) {
    throw IoError(concat(path.string(), ": is not JSON"));
  }
  const auto schema = sidecar.is_object() ? sidecar.value("schema", nlohmann::json()) : sidecar;
  if (schema != wanted || !sidecar.contains("settings") || !sidecar["settings"].is_object()) {
    throw IoError(concat(
        path.string(), ": must be of schema \"", wanted,
        "\" with settings, got schema: ", schema.is_string() ? schema.dump() : schema.type_name()));
  }
  Settings settings;
  for (const auto& [key, value] : sidecar["settings"].items()) {
    std::vector<std::string> values;
    if (value.is_array()) {
      for (const auto& entry : value) values.push_back(text_of(entry, place(path, key)));
    } else {
      values.push_back(text_of(value, place(path, key)));
    }
    settings.emplace_back(key, std::move(values));
  }
  return settings;
}

void apply_settings(CLI::App& command, const Settings& settings, const std::string& source) {
  for (const auto& [key, values] : settings) {
    CLI::Option* option = command.get_option_no_throw("--" + key);
    if (option == nullptr || key == "config" || key == "rerun" || key == "help") {
      throw InvalidArgument(concat(place(source, key), " is no flag of ", command_name(command),
                                   " that a file can set"));
    }
    if (option->count() > 0 || values.empty()) continue;
    try {
      for (const auto& value : values) option->add_result(value);
      option->run_callback();
    } catch (const CLI::Error& error) {
      throw InvalidArgument(concat(source, ": ", error.what()));
    }
  }
}

void apply_config_flag(CLI::App& command) {
  const CLI::Option* option = command.get_option("--config");
  if (option->count() == 0) return;
  const std::string path = option->results().back();
  apply_settings(command, read_toml_settings(path, command), path);
}

}  // namespace tessera::cli
