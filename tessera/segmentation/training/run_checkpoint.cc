#include "tessera/segmentation/training/run_checkpoint.h"

#include <cmath>
#include <limits>
#include <set>

#include <ATen/core/grad_mode.h>
#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/nn/weight_files.h"

namespace tessera::segmentation {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "tessera.autosam_run/1";

// May change when a run is continued. The schedule follows the lengths, so a run that is made
// longer goes on at the rate of the longer run.
const std::set<std::string> kFree = {"/max_epochs", "/max_minutes", "/patience", "/device",
                                     "/surrogate/max_epochs"};

Json json_of(const EpochRecord& record) {
  return Json::array({static_cast<int>(record.stage), record.epoch, record.loss, record.val_dice,
                      record.val_iou, record.learning_rate, record.seconds});
}

EpochRecord read_record(const Json& json) {
  const auto number = [&](size_t i) {  // NaN is stored as null
    return json.at(i).is_null() ? std::numeric_limits<double>::quiet_NaN()
                                : json.at(i).get<double>();
  };
  return {static_cast<Stage>(json.at(0).get<int>()),
          json.at(1).get<int>(),
          number(2),
          number(3),
          number(4),
          number(5),
          number(6)};
}

std::string position_text(const RunPosition& position) {
  Json history = Json::array();
  for (const auto& record : position.history) history.push_back(json_of(record));
  return Json{
      {"stage", static_cast<int>(position.stage)},
      {"epoch", position.epoch},
      {"step", position.step},
      {"stage_seconds", position.stage_seconds},
      {"seconds", position.seconds},
      {"epoch_seconds", position.epoch_seconds},
      {"embedded", position.embedded},
      {"best", {position.best_epoch, position.best_dice, position.best_iou}},
      {"main_best", {position.main_best_epoch, position.main_best_dice, position.main_best_iou}},
      {"stop_reason", position.stop_reason},
      {"history", history}}
      .dump();
}

RunPosition read_position(const std::string& text, const std::string& path) {
  try {
    const Json json = Json::parse(text);
    RunPosition position;
    position.stage = json.at("stage").get<int>() == 0 ? Stage::kMain : Stage::kSurrogate;
    json.at("epoch").get_to(position.epoch);
    json.at("step").get_to(position.step);
    json.at("stage_seconds").get_to(position.stage_seconds);
    json.at("seconds").get_to(position.seconds);
    json.at("epoch_seconds").get_to(position.epoch_seconds);
    json.at("embedded").get_to(position.embedded);
    const auto best = [&](const char* key, int& epoch, double& dice, double& iou) {
      json.at(key).at(0).get_to(epoch);
      json.at(key).at(1).get_to(dice);
      json.at(key).at(2).get_to(iou);
    };
    best("best", position.best_epoch, position.best_dice, position.best_iou);
    best("main_best", position.main_best_epoch, position.main_best_dice, position.main_best_iou);
    json.at("stop_reason").get_to(position.stop_reason);
    for (const auto& record : json.at("history")) position.history.push_back(read_record(record));
    if (position.epoch < 1 || position.step < 0)
      throw IoError(concat(path, ": must stand at an epoch >= 1 and a step >= 0, got: ",
                           position.epoch, " and ", position.step));
    return position;
  } catch (const Json::exception& error) {
    throw IoError(concat(path, ": the run's position cannot be read: ", error.what()));
  }
}

/// "batch is 8, the checkpoint has 4; ..." over all settings that differ.
std::string differences(const std::string& ours, const std::string& theirs) {
  const auto mine = Json::parse(ours, nullptr, false).flatten();
  const auto stored = Json::parse(theirs, nullptr, false);
  if (!stored.is_object()) return "its settings cannot be read";
  const auto other = stored.flatten();
  const auto text_in = [](const Json& json, const std::string& key) {
    const auto found = json.find(key);
    return found == json.end() ? std::string("nothing") : found->dump();
  };
  std::set<std::string> keys;
  for (const auto& [key, value] : mine.items()) keys.insert(key);
  for (const auto& [key, value] : other.items()) keys.insert(key);
  std::string text;
  for (const auto& key : keys) {
    const std::string here = text_in(mine, key), there = text_in(other, key);
    if (kFree.contains(key) || here == there) continue;
    text += concat(text.empty() ? "" : "; ", key.substr(1), " is ", here, ", the checkpoint has ",
                   there);
  }
  return text;
}

}  // namespace

void save_run(const std::filesystem::path& path, const NamedVectors& vectors,
              const RunPosition& position, const RunIdentity& identity) {
  nn::save_weights(path, vectors,
                   {{"format", kFormat},
                    {"settings", identity.settings},
                    {"data", identity.data},
                    {"sam", identity.sam},
                    {"position", position_text(position)}});
}

StoredRun load_run(const std::filesystem::path& path, const RunIdentity& identity) {
  nn::Weights weights = nn::load_weights(path);
  const auto entry = [&](const char* key) {
    const auto found = weights.metadata.find(key);
    return found == weights.metadata.end() ? std::string("nothing") : found->second;
  };
  if (entry("format") != kFormat) {
    throw IoError(
        concat(path.string(),
               ": must be a checkpoint of a segmentation run, got format: ", entry("format")));
  }
  const std::string changes = differences(identity.settings, entry("settings"));
  if (!changes.empty())
    throw IoError(concat(path.string(), ": is of another configuration: ", changes));
  if (entry("sam") != identity.sam) {
    throw IoError(concat(path.string(), ": must be continued with the same SAM, digest ",
                         entry("sam").substr(0, 12), ", got: ", identity.sam.substr(0, 12)));
  }
  if (entry("data") != identity.data) {
    throw IoError(concat(path.string(),
                         ": must be continued on the same images, masks and split, "
                         "digest ",
                         entry("data").substr(0, 12), ", got: ", identity.data.substr(0, 12)));
  }
  return {read_position(entry("position"), path.string()), std::move(weights.tensors),
          path.string()};
}

void StoredRun::restore(const std::string& name, at::Tensor target) const {
  const at::NoGradGuard no_grad;
  const auto found = vectors.find(name);
  if (found == vectors.end()) throw IoError(concat(path, ": has no tensor \"", name, "\""));
  if (found->second.sizes() != target.sizes()) {
    throw IoError(concat(path, ": \"", name, "\" must be ", target.sizes(),
                         ", got: ", found->second.sizes()));
  }
  target.copy_(found->second);
}

}  // namespace tessera::segmentation
