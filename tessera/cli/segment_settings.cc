#include "tessera/cli/segment_settings.h"

#include <charconv>

#include "tessera/cli/checks.h"
#include "tessera/cli/segment_sam.h"
#include "tessera/core/error.h"

namespace tessera::cli {
namespace {

namespace fs = std::filesystem;
using segmentation::AutoSamSettings;

std::string tile_text(int tile) {
  return tile == segmentation::kAutoTile ? "auto" : tile == 0 ? "whole" : std::to_string(tile);
}

int parse_tile(const std::string& text) {
  if (text == "auto") return segmentation::kAutoTile;
  if (text == "whole") return 0;
  constexpr int kLeast = 16, kMost = 1 << 16;
  int tile = 0;
  const auto end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, tile);
  TESSERA_CHECK(failure == std::errc() && stop == end && tile >= kLeast && tile <= kMost,
                "[--tile] must be auto, whole, or ", kLeast, " to ", kMost,
                " source pixels, got: ", text);
  return tile;
}

std::string absolute(const std::string& path) {
  return path.empty() ? path : fs::absolute(path).lexically_normal().string();
}

void add_run_flags(CLI::App& command, TrainFlags& flags) {
  command.add_option("-o,--output", flags.output,
                     "Folder of the run: model/, checkpoint.safetensors, settings.json, "
                     "history.csv, summary.json, report.html, validation/");
  command.add_flag("--resume", flags.is_resumed,
                   "Continue the run in the output folder; flags not given are as they were");
  command
      .add_option("--sam", flags.sam, "The frozen SAM: model name, folder, .safetensors or .pth")
      ->capture_default_str();
  command.add_option("--device", flags.device, "cpu, cuda or cuda:N")->capture_default_str();
  command.add_option("--threads", flags.threads, "CPU threads (default: all)")->check(positive());
  command.add_option(
      "--cache", flags.cache,
      "Folder for SAM's image embeddings, which runs may share (default: RUN/cache; on a GPU its "
      "memory alone)");
  command.add_flag("--no-cache", flags.has_no_cache,
                   "Keep no embeddings: SAM's encoder runs at every step");
}

void add_network_flags(CLI::App& command, TrainFlags& flags) {
  command
      .add_option("--method", flags.method,
                  "autosam; to compare with: plain-head (no SAM), unet (no SAM)")
      ->check(CLI::IsMember({"autosam", "plain-head", "unet"}))
      ->capture_default_str();
  command
      .add_option("--order", flags.order,
                  "Size of the prompt network: HarDNet 39ds, 68ds, 68, 85; auto is 68, and on a "
                  "CPU 39ds with --g-width 64")
      ->check(CLI::IsMember({"auto", "39ds", "68ds", "68", "85"}))
      ->capture_default_str();
  command
      .add_option("--g-width", flags.g_width,
                  "Channels of the prompt network's decoder; 0 for those of the paper's")
      ->check(number_in(0, 4096))
      ->capture_default_str();
  command.add_flag("--stem-skip", flags.has_stem_skip,
                   "Lets the prompt network's head see its feature at stride 2");
  command.add_flag("--strided-head", flags.has_strided_head,
                   "Has the prompt network's head step by two where its map is twice SAM's grid");
  command.add_flag("--unbounded-prompt", flags.has_unbounded_prompt,
                   "Leaves out the tanh that holds the prompt within 1");
  command.add_option("--g-size", flags.g_size, "Side of the prompt network's picture, in pixels")
      ->check(number_in(32, 2048))
      ->capture_default_str();
  command
      .add_option("--tile", flags.tile,
                  "Source pixels that SAM sees at once: auto, whole (the whole image), or N")
      ->capture_default_str();
  command
      .add_option("--surrogate-epochs", flags.surrogate_epochs,
                  "Then train a decoder for predict --fast, so many epochs; 0 for none")
      ->check(number_in(0, 100'000))
      ->capture_default_str();
}

void add_schedule_flags(CLI::App& command, TrainFlags& flags) {
  command
      .add_option("--views", flags.views,
                  "Turned, scaled and recoloured views whose embeddings are kept, for each image; "
                  "0: a new one at every step")
      ->check(number_in(0, 10'000))
      ->capture_default_str();
  command
      .add_option("--epoch-views", flags.epoch_views,
                  "Views in an epoch at least: small sets are repeated")
      ->check(number_in(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--epochs", flags.epochs, "End after so many epochs")
      ->check(number_in(1, 1'000'000))
      ->capture_default_str();
  command.add_option("--minutes", flags.minutes, "End after so many minutes; 0 for no limit")
      ->check(not_negative())
      ->capture_default_str();
  command
      .add_option("--validate-every", flags.validate_every,
                  "Epochs between validations; the last epoch is always validated")
      ->check(number_in(1, 1'000'000))
      ->capture_default_str();
  command
      .add_option("--patience", flags.patience,
                  "End after so many epochs without a better validation Dice; 0 for never")
      ->check(number_in(0, 1'000'000))
      ->capture_default_str();
  command.add_option("--batch", flags.batch, "Views in a step")
      ->check(number_in(1, 1024))
      ->capture_default_str();
  command.add_option("--learning-rate", flags.learning_rate, "Highest learning rate")
      ->check(positive())
      ->capture_default_str();
  command.add_option("--seed", flags.seed, "Seed of weights, views, order, and a drawn split")
      ->check(not_negative())
      ->capture_default_str();
}

}  // namespace

TrainFlags::TrainFlags() : sam(kDefaultSam) {
  const AutoSamSettings settings;
  device = settings.device;
  method = segmentation::method_name(settings.method);
  order = "auto";
  tile = tile_text(settings.tile);
  g_size = settings.g_size;
  views = settings.views_per_image;
  epoch_views = settings.min_views_per_epoch;
  epochs = settings.max_epochs;
  validate_every = settings.validate_every;
  patience = settings.patience;
  batch = settings.batch;
  surrogate_epochs = settings.surrogate.max_epochs;
  minutes = settings.max_minutes;
  learning_rate = settings.learning_rate;
  seed = static_cast<int64_t>(settings.seed);
}

void add_train_flags(CLI::App& command, TrainFlags& flags) {
  add_data_flags(command, flags.data);
  add_split_flags(command, flags.data);
  add_run_flags(command, flags);
  add_network_flags(command, flags);
  add_schedule_flags(command, flags);
}

void resolve_order(TrainFlags& flags) {
  if (flags.order != "auto") return;
  const bool is_cpu = flags.device == "cpu";
  flags.order = is_cpu ? "39ds" : "68";
  if (is_cpu && flags.g_width == 0) flags.g_width = 64;
}

AutoSamSettings settings_of(const TrainFlags& flags) {
  TESSERA_CHECK(flags.cache.empty() || !flags.has_no_cache,
                "[--cache] and --no-cache exclude each other, got both");
  TESSERA_CHECK(flags.g_size % 16 == 0, "[--g-size] must be a multiple of 16, got: ", flags.g_size);
  AutoSamSettings settings;
  settings.device = flags.device;
  settings.method = segmentation::parse_method(flags.method);
  settings.order = segmentation::parse_hardnet_order(flags.order);
  settings.generator.decoder_width = flags.g_width;
  settings.generator.has_stem_skip = flags.has_stem_skip;
  settings.generator.has_strided_head = flags.has_strided_head;
  settings.generator.is_unbounded = flags.has_unbounded_prompt;
  settings.tile = parse_tile(flags.tile);
  settings.g_size = flags.g_size;
  settings.views_per_image = flags.views;
  settings.min_views_per_epoch = flags.epoch_views;
  settings.max_epochs = flags.epochs;
  settings.validate_every = flags.validate_every;
  settings.patience = flags.patience;
  settings.batch = flags.batch;
  settings.surrogate.max_epochs = flags.surrogate_epochs;
  settings.max_minutes = flags.minutes;
  settings.learning_rate = flags.learning_rate;
  settings.seed = static_cast<uint64_t>(flags.seed);
  segmentation::check_settings(settings);
  return settings;
}

fs::path command_path(const fs::path& run) { return run / "command.json"; }

nlohmann::json command_json(const TrainFlags& flags) {
  nlohmann::json settings = {{"images", absolute(flags.data.images)},
                             {"masks", absolute(flags.data.masks)},
                             {"foreground", flags.data.foreground},
                             {"validation-share", flags.data.validation_share},
                             {"sam", flags.sam},
                             {"device", flags.device},
                             {"method", flags.method},
                             {"order", flags.order},
                             {"g-size", flags.g_size},
                             {"g-width", flags.g_width},
                             {"tile", flags.tile},
                             {"surrogate-epochs", flags.surrogate_epochs},
                             {"views", flags.views},
                             {"epoch-views", flags.epoch_views},
                             {"epochs", flags.epochs},
                             {"minutes", flags.minutes},
                             {"validate-every", flags.validate_every},
                             {"patience", flags.patience},
                             {"batch", flags.batch},
                             {"learning-rate", flags.learning_rate},
                             {"seed", flags.seed}};
  if (!flags.data.split.empty()) settings["split"] = absolute(flags.data.split);
  if (!flags.data.groups.empty()) settings["groups"] = absolute(flags.data.groups);
  if (!flags.cache.empty()) settings["cache"] = absolute(flags.cache);
  if (flags.has_no_cache) settings["no-cache"] = true;
  if (flags.has_stem_skip) settings["stem-skip"] = true;
  if (flags.has_strided_head) settings["strided-head"] = true;
  if (flags.has_unbounded_prompt) settings["unbounded-prompt"] = true;
  return {{"schema", kCommandSchema}, {"settings", settings}};
}

}  // namespace tessera::cli
