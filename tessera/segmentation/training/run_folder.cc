#include "tessera/segmentation/training/run_folder.h"

#include <cmath>
#include <cstdio>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"

namespace tessera::segmentation {

RunFolder open_run_folder(const std::filesystem::path& root, bool is_resumed) {
  const RunFolder folder{root};
  const bool has_run = std::filesystem::exists(folder.checkpoint());
  if (is_resumed && !has_run)
    throw IoError(concat(root.string(), ": must hold a run to continue, got: no ",
                         folder.checkpoint().filename().string()));
  if (!is_resumed && has_run)
    throw IoError(concat(root.string(),
                         ": must be a new folder, got: one that holds a run "
                         "(it can be resumed)"));
  std::error_code failure;
  std::filesystem::create_directories(root, failure);
  if (failure) throw IoError(concat(root.string(), ": cannot be made: ", failure.message()));
  return folder;
}

std::filesystem::path find_model_folder(const std::filesystem::path& path) {
  if (std::filesystem::exists(path / "config.json")) return path;
  const auto inside = RunFolder{path}.model();
  if (std::filesystem::exists(inside / "config.json")) return inside;
  throw IoError(concat(path.string(),
                       ": must be a model folder (config.json, model.safetensors) or "
                       "a run that holds one in model/, got: neither"));
}

void write_history(const std::filesystem::path& path, std::span<const EpochRecord> history) {
  std::string text = "stage,epoch,loss,val_dice,val_iou,learning_rate,seconds\n";
  const auto number = [](double value, const char* format) {
    char digits[48] = "";
    if (!std::isnan(value)) std::snprintf(digits, sizeof(digits), format, value);
    return std::string(digits);
  };
  for (const auto& record : history) {
    text += concat(stage_name(record.stage), ',', record.epoch, ',', number(record.loss, "%.6f"),
                   ',', number(record.val_dice, "%.6f"), ',', number(record.val_iou, "%.6f"), ',',
                   number(record.learning_rate, "%.3e"), ',', number(record.seconds, "%.2f"), '\n');
  }
  write_file(path, text);
}

}  // namespace tessera::segmentation
