// A JSON object read strictly: every key is asked for, typed and bounded, and none is left over.
//
// Every failure is an IoError `<file>: "<key>" <rule>, got: <value>`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace tessera::nn {

class JsonObject {
 public:
  /// Reads a file. Throws IoError when it is missing, is not JSON, or is not an object.
  static JsonObject read(const std::filesystem::path& path);

  bool contains(const std::string& key);
  int64_t integer(const std::string& key, int64_t lowest, int64_t highest);
  double number(const std::string& key, double lowest, double highest);
  std::string text(const std::string& key);
  bool boolean(const std::string& key);

  /// One of `allowed`; returns its index.
  size_t choice(const std::string& key, const std::vector<std::string>& allowed);

  /// Exactly `count` whole numbers.
  std::vector<int64_t> integers(const std::string& key, size_t count, int64_t lowest,
                                int64_t highest);

  /// Whole numbers, as many as there are, at most `most`.
  std::vector<int64_t> any_integers(const std::string& key, size_t most, int64_t lowest,
                                    int64_t highest);

  /// Exactly `count` numbers.
  std::vector<double> numbers(const std::string& key, size_t count, double lowest, double highest);

  /// A nested object; its keys are reported as "<key>.<inner>".
  JsonObject object(const std::string& key);

  /// Refuses every key that was not asked for, naming those that were.
  void finish() const;

  [[noreturn]] void fail(const std::string& key, const std::string& rule) const;

 private:
  JsonObject(std::string file, std::string prefix, std::shared_ptr<const nlohmann::json> value);
  const nlohmann::json& get(const std::string& key);

  std::string file_, prefix_;
  std::shared_ptr<const nlohmann::json> value_;
  std::set<std::string> asked_;
};

}  // namespace tessera::nn
