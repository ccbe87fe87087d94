#include "tessera/nn/json_object.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"

namespace tessera::nn {
namespace {

// A configuration is small; a larger file is something else under its name.
constexpr size_t kMaxBytes = 1u << 20;

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

bool is_list_of_integers(const nlohmann::json& value, int64_t lowest, int64_t highest) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [&](const nlohmann::json& element) {
           return element.is_number_integer() && element.get<int64_t>() >= lowest &&
                  element.get<int64_t>() <= highest;
         });
}

}  // namespace

JsonObject::JsonObject(std::string file, std::string prefix,
                       std::shared_ptr<const nlohmann::json> value)
    : file_(std::move(file)), prefix_(std::move(prefix)), value_(std::move(value)) {}

JsonObject JsonObject::read(const std::filesystem::path& path) {
  const std::string text = read_text(path, kMaxBytes);
  const auto value =
      std::make_shared<const nlohmann::json>(nlohmann::json::parse(text, nullptr, false));
  if (value->is_discarded()) throw IoError(concat(path.string(), ": is not valid JSON"));
  if (!value->is_object()) throw IoError(concat(path.string(), ": must hold a JSON object"));
  return JsonObject(path.string(), "", value);
}

void JsonObject::fail(const std::string& key, const std::string& rule) const {
  std::string got;
  if (const auto found = value_->find(key); found != value_->end()) got = ", got: " + found->dump();
  throw IoError(concat(file_, ": \"", prefix_, key, "\" ", rule, got));
}

bool JsonObject::contains(const std::string& key) {
  asked_.insert(key);
  return value_->contains(key);
}

const nlohmann::json& JsonObject::get(const std::string& key) {
  if (!contains(key)) fail(key, "is missing");
  return (*value_)[key];
}

int64_t JsonObject::integer(const std::string& key, int64_t lowest, int64_t highest) {
  const auto& value = get(key);
  const bool is_whole = value.is_number_integer() &&
                        !(value.is_number_unsigned() && value.get<uint64_t>() > INT64_MAX);
  if (!is_whole || value.get<int64_t>() < lowest || value.get<int64_t>() > highest)
    fail(key, concat("must be a whole number in [", lowest, ", ", highest, "]"));
  return value.get<int64_t>();
}

double JsonObject::number(const std::string& key, double lowest, double highest) {
  const auto& value = get(key);
  // Written so that a NaN, which JSON cannot hold but 1e999 can bring near, fails.
  if (!value.is_number() || !(value.get<double>() >= lowest && value.get<double>() <= highest))
    fail(key, concat("must be a number in [", lowest, ", ", highest, "]"));
  return value.get<double>();
}

std::string JsonObject::text(const std::string& key) {
  const auto& value = get(key);
  if (!value.is_string()) fail(key, "must be text");
  return value.get<std::string>();
}

bool JsonObject::boolean(const std::string& key) {
  const auto& value = get(key);
  if (!value.is_boolean()) fail(key, "must be true or false");
  return value.get<bool>();
}

size_t JsonObject::choice(const std::string& key, const std::vector<std::string>& allowed) {
  const auto& value = get(key);
  const auto found = value.is_string()
                         ? std::find(allowed.begin(), allowed.end(), value.get<std::string>())
                         : allowed.end();
  if (found == allowed.end()) fail(key, "must be one of: " + join(allowed));
  return found - allowed.begin();
}

std::vector<int64_t> JsonObject::integers(const std::string& key, size_t count, int64_t lowest,
                                          int64_t highest) {
  if (!is_list_of_integers(get(key), lowest, highest) || get(key).size() != count)
    fail(key, concat("must be ", count, " whole numbers in [", lowest, ", ", highest, "]"));
  return get(key).get<std::vector<int64_t>>();
}

std::vector<int64_t> JsonObject::any_integers(const std::string& key, size_t most, int64_t lowest,
                                              int64_t highest) {
  if (!is_list_of_integers(get(key), lowest, highest) || get(key).size() > most)
    fail(key, concat("must be at most ", most, " whole numbers in [", lowest, ", ", highest, "]"));
  return get(key).get<std::vector<int64_t>>();
}

std::vector<double> JsonObject::numbers(const std::string& key, size_t count, double lowest,
                                        double highest) {
  const auto& value = get(key);
  const auto is_allowed = [&](const nlohmann::json& element) {
    return element.is_number() && element.get<double>() >= lowest &&
           element.get<double>() <= highest;
  };
  if (!value.is_array() || value.size() != count ||
      !std::all_of(value.begin(), value.end(), is_allowed))
    fail(key, concat("must be ", count, " numbers in [", lowest, ", ", highest, "]"));
  return value.get<std::vector<double>>();
}

JsonObject JsonObject::object(const std::string& key) {
  const auto& value = get(key);
  if (!value.is_object()) fail(key, "must be an object");
  return JsonObject(file_, prefix_ + key + ".", std::make_shared<const nlohmann::json>(value));
}

void JsonObject::finish() const {
  for (const auto& [key, value] : value_->items()) {
    if (!asked_.contains(key))
      fail(key, "is not a known key (known: " + join({asked_.begin(), asked_.end()}) + ")");
  }
}

}  // namespace tessera::nn
