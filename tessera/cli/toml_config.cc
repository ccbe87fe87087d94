#include "tessera/cli/toml_config.h"

#include <sstream>

#include <toml++/toml.h>

namespace tessera::cli {
namespace {

std::string text_of(const toml::node& node, const std::string& key) {
  if (const auto value = node.value_exact<std::string>()) return *value;
  if (const auto value = node.value_exact<bool>()) return *value ? "true" : "false";
  if (const auto value = node.value_exact<int64_t>()) return std::to_string(*value);
  if (const auto value = node.value_exact<double>()) {
    std::ostringstream text;
    text.precision(17);
    text << *value;
    return text.str();
  }
  throw CLI::ConfigError("key \"" + key +
                         "\" must be text, a number, true or false, or a list of these");
}

class TomlConfig final : public CLI::Config {
 public:
  std::string to_config(const CLI::App*, bool, bool, std::string) const override { return {}; }

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> items;
    try {
      const toml::table table = toml::parse(input);
      collect(table, {}, items);
    } catch (const toml::parse_error& error) {
      std::ostringstream where;
      where << error.description() << " (line " << error.source().begin.line << ")";
      throw CLI::ConfigError("not valid TOML: " + where.str());
    }
    return items;
  }

 private:
  static void collect(const toml::table& table, const std::vector<std::string>& parents,
                      std::vector<CLI::ConfigItem>& items) {
    for (const auto& [key, node] : table) {
      CLI::ConfigItem item;
      item.parents = parents;
      item.name = std::string(key.str());
      if (const auto* inner = node.as_table()) {
        auto path = parents;
        path.push_back(item.name);
        collect(*inner, path, items);
        continue;
      }
      if (const auto* list = node.as_array()) {
        for (const auto& entry : *list) item.inputs.push_back(text_of(entry, item.name));
      } else {
        item.inputs.push_back(text_of(node, item.name));
      }
      items.push_back(std::move(item));
    }
  }
};

}  // namespace

std::shared_ptr<CLI::Config> make_toml_config() { return std::make_shared<TomlConfig>(); }

void add_config_flag(CLI::App& command) {
  command.config_formatter(make_toml_config());
  command.set_config("--config", "", "Read flags from a TOML file; the command line wins")
      ->check(CLI::ExistingFile);
  command.allow_config_extras(CLI::config_extras_mode::error);
}

}  // namespace tessera::cli
