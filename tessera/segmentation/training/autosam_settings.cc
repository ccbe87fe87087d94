#include "tessera/segmentation/training/autosam_settings.h"

#include <charconv>
#include <limits>

#include <nlohmann/json.hpp>

#include "tessera/core/error.h"
#include "tessera/nn/json_object.h"

namespace tessera::segmentation {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kSchema = "tessera.autosam/1";
constexpr int64_t kMany = 1'000'000;
const std::vector<std::string> kMethods = {"autosam", "plain-head", "unet"};
const std::vector<std::string> kOrders = {"39ds", "68ds", "68", "85"};

template <typename Value>
void check_range(const char* name, Value value, double lowest, double highest) {
  TESSERA_CHECK(static_cast<double>(value) >= lowest && static_cast<double>(value) <= highest,
                "[autosam] ", name, " must be in [", lowest, ", ", highest, "], got: ", value);
}

/// The shortest decimal of a float, so that 0.2f is written as 0.2.
double decimal(float value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value).ptr;
  double number = 0;
  std::from_chars(text, end, number);
  return number;
}

Json json_of(const ColourSettings& colours) {
  return {{"brightness", decimal(colours.brightness)},
          {"contrast", decimal(colours.contrast)},
          {"saturation", decimal(colours.saturation)},
          {"hue", decimal(colours.hue)},
          {"gamma", decimal(colours.gamma)},
          {"invert_probability", decimal(colours.invert_probability)}};
}

ColourSettings read_colours(nn::JsonObject json) {
  const auto number = [&](const char* key, double highest) {
    return static_cast<float>(json.number(key, 0, highest));
  };
  ColourSettings colours;
  colours.brightness = number("brightness", 1);
  colours.contrast = number("contrast", 1);
  colours.saturation = number("saturation", 1);
  colours.hue = number("hue", 0.5);
  colours.gamma = number("gamma", 10);
  colours.invert_probability = number("invert_probability", 1);
  json.finish();
  return colours;
}

Json json_of(const Augmentation& augmentation) {
  return {{"max_rotation_degrees", augmentation.max_rotation_degrees},
          {"min_scale", augmentation.min_scale},
          {"max_scale", augmentation.max_scale},
          {"flips", augmentation.has_flips},
          {"view_colours", json_of(augmentation.view_colours)},
          {"prompt_colours", json_of(augmentation.prompt_colours)}};
}

Augmentation read_augmentation(nn::JsonObject json) {
  Augmentation augmentation;
  augmentation.max_rotation_degrees = json.number("max_rotation_degrees", 0, 180);
  augmentation.min_scale = json.number("min_scale", 0.1, 10);
  augmentation.max_scale = json.number("max_scale", augmentation.min_scale, 10);
  augmentation.has_flips = json.boolean("flips");
  augmentation.view_colours = read_colours(json.object("view_colours"));
  augmentation.prompt_colours = read_colours(json.object("prompt_colours"));
  json.finish();
  return augmentation;
}

SurrogateSettings read_surrogate(nn::JsonObject json) {
  SurrogateSettings surrogate;
  surrogate.max_epochs = static_cast<int>(json.integer("max_epochs", 0, kMany));
  surrogate.learning_rate = json.number("learning_rate", 0, 1);
  surrogate.distillation = json.number("distillation", 0, 1);
  json.finish();
  return surrogate;
}

}  // namespace

Method parse_method(const std::string& name) {
  for (size_t i = 0; i < kMethods.size(); ++i)
    if (name == kMethods[i]) return static_cast<Method>(i);
  throw InvalidArgument(concat("[autosam] a method is autosam, plain-head or unet, got: ", name));
}

std::string method_name(Method method) { return kMethods.at(static_cast<size_t>(method)); }

void check_settings(const AutoSamSettings& settings) {
  const auto& augmentation = settings.augmentation;
  TESSERA_CHECK(settings.g_size >= 32 && settings.g_size <= 4096 && settings.g_size % 16 == 0,
                "[autosam] g_size must be a multiple of 16 in [32, 4096], got: ", settings.g_size);
  TESSERA_CHECK(settings.tile == kAutoTile || settings.tile == 0 ||
                    (settings.tile >= 16 && settings.tile <= 8192),
                "[autosam] tile must be auto, 0 (the whole image) or in [16, 8192] source pixels, "
                "got: ",
                settings.tile);
  check_range("decoder_width", settings.generator.decoder_width, 0, 4096);
  check_range("views_per_image", settings.views_per_image, 0, 10'000);
  check_range("max_tiles_per_image", settings.max_tiles_per_image, 1, 1000);
  check_range("min_views_per_epoch", settings.min_views_per_epoch, 1, kMany);
  check_range("batch", settings.batch, 1, 4096);
  check_range("learning_rate", settings.learning_rate, 0, 1);
  check_range("weight_decay", settings.weight_decay, 0, 1);
  check_range("warmup_steps", settings.warmup_steps, 0, kMany);
  check_range("max_gradient_norm", settings.max_gradient_norm, 1e-6, 1e9);
  check_range("average_decay", settings.average_decay, 0, 1 - 1e-9);
  check_range("max_epochs", settings.max_epochs, 1, kMany);
  check_range("max_minutes", settings.max_minutes, 0, 1e6);
  check_range("validate_every", settings.validate_every, 1, kMany);
  check_range("patience", settings.patience, 0, kMany);
  check_range("surrogate epochs", settings.surrogate.max_epochs, 0, kMany);
  check_range("surrogate learning rate", settings.surrogate.learning_rate, 0, 1);
  check_range("surrogate distillation", settings.surrogate.distillation, 0, 1);
  check_colour_settings(augmentation.prompt_colours, "autosam");
  check_view_settings(view_settings(settings, 0));
}

std::string autosam_settings_json(const AutoSamSettings& settings) {
  const Json json = {{"schema", kSchema},
                     {"method", method_name(settings.method)},
                     {"order", hardnet_order_name(settings.order)},
                     {"strided_head", settings.generator.has_strided_head},
                     {"stem_skip", settings.generator.has_stem_skip},
                     {"unbounded_prompt", settings.generator.is_unbounded},
                     {"decoder_width", settings.generator.decoder_width},
                     {"g_size", settings.g_size},
                     {"tile", settings.tile},
                     {"views_per_image", settings.views_per_image},
                     {"max_tiles_per_image", settings.max_tiles_per_image},
                     {"min_views_per_epoch", settings.min_views_per_epoch},
                     {"batch", settings.batch},
                     {"learning_rate", settings.learning_rate},
                     {"weight_decay", settings.weight_decay},
                     {"warmup_steps", settings.warmup_steps},
                     {"max_gradient_norm", settings.max_gradient_norm},
                     {"average_decay", settings.average_decay},
                     {"max_epochs", settings.max_epochs},
                     {"max_minutes", settings.max_minutes},
                     {"validate_every", settings.validate_every},
                     {"patience", settings.patience},
                     {"choose_threshold", settings.chooses_threshold},
                     {"seed", settings.seed},
                     {"augmentation", json_of(settings.augmentation)},
                     {"surrogate",
                      {{"max_epochs", settings.surrogate.max_epochs},
                       {"learning_rate", settings.surrogate.learning_rate},
                       {"distillation", settings.surrogate.distillation}}},
                     {"device", settings.device}};
  return json.dump(2) + "\n";
}

AutoSamSettings read_autosam_settings(const std::filesystem::path& path) {
  auto json = nn::JsonObject::read(path);
  json.choice("schema", {kSchema});
  const auto whole = [&](const char* key, int64_t lowest, int64_t highest) {
    return static_cast<int>(json.integer(key, lowest, highest));
  };
  AutoSamSettings settings;
  settings.method = static_cast<Method>(json.choice("method", kMethods));
  settings.order = parse_hardnet_order(kOrders[json.choice("order", kOrders)]);
  settings.generator.has_strided_head = json.boolean("strided_head");
  settings.generator.has_stem_skip = json.boolean("stem_skip");
  settings.generator.is_unbounded =  // not in files of before it was there
      json.contains("unbounded_prompt") && json.boolean("unbounded_prompt");
  settings.generator.decoder_width = json.integer("decoder_width", 0, 4096);
  settings.g_size = whole("g_size", 32, 4096);
  settings.tile = whole("tile", kAutoTile, 8192);
  settings.views_per_image = whole("views_per_image", 0, 10'000);
  settings.max_tiles_per_image = whole("max_tiles_per_image", 1, 1000);
  settings.min_views_per_epoch = whole("min_views_per_epoch", 1, kMany);
  settings.batch = whole("batch", 1, 4096);
  settings.learning_rate = json.number("learning_rate", 0, 1);
  settings.weight_decay = json.number("weight_decay", 0, 1);
  settings.warmup_steps = whole("warmup_steps", 0, kMany);
  settings.max_gradient_norm = json.number("max_gradient_norm", 1e-6, 1e9);
  settings.average_decay = json.number("average_decay", 0, 1);
  settings.max_epochs = whole("max_epochs", 1, kMany);
  settings.max_minutes = json.number("max_minutes", 0, 1e6);
  settings.validate_every = whole("validate_every", 1, kMany);
  settings.patience = whole("patience", 0, kMany);
  settings.chooses_threshold = json.boolean("choose_threshold");
  settings.seed =
      static_cast<uint64_t>(json.integer("seed", 0, std::numeric_limits<int64_t>::max()));
  settings.augmentation = read_augmentation(json.object("augmentation"));
  settings.surrogate = read_surrogate(json.object("surrogate"));
  settings.device = json.text("device");
  json.finish();
  try {
    check_settings(settings);
  } catch (const InvalidArgument& error) {
    throw IoError(concat(path.string(), ": ", error.what()));
  }
  return settings;
}

ViewSettings view_settings(const AutoSamSettings& settings, int tile) {
  const auto& augmentation = settings.augmentation;
  ViewSettings view;
  view.tile = tile;
  view.max_rotation_degrees = static_cast<float>(augmentation.max_rotation_degrees);
  view.min_scale = static_cast<float>(augmentation.min_scale);
  view.max_scale = static_cast<float>(augmentation.max_scale);
  view.flip_horizontal = view.flip_vertical = augmentation.has_flips;
  view.colours = augmentation.view_colours;
  return view;
}

}  // namespace tessera::segmentation
