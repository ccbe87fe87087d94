#include "tessera/segmentation/training/prepared_tiles.h"

#include <algorithm>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/segmentation/data/views.h"
#include "tessera/segmentation/training/turns.h"

namespace tessera::segmentation {
namespace {

// Items of an image that are prepared with it: 3 MiB each where embeddings are kept.
constexpr size_t kFirstItems = 32;

Picture turned_picture(Picture picture, int turn) {
  if (turn == 0) return picture;
  return {picture.side, turned(std::span<const uint8_t>(picture.planes), picture.side, turn)};
}

}  // namespace

std::string tile_text(const TilePlan& plan, size_t tile, int turn) {
  ViewParameters parameters;
  parameters.is_plain_whole = plan.tile == 0;
  parameters.padding = plan.tile == 0 ? Padding::kMean : Padding::kReflect;
  const TileOrigin origin = plan.origins.at(tile);
  const auto side = static_cast<float>(plan.tile);
  parameters.window = {origin.x + side / 2, origin.y + side / 2, side, 0, false, false};
  return turn == 0 ? view_text(parameters) : concat(view_text(parameters), " turned=", turn);
}

PreparedTile prepare_tile(const LoadedSample& sample, const TilePlan& plan, size_t item,
                          const TileSettings& settings, std::vector<std::string>* warnings) {
  PreparedTile prepared;
  prepared.tile = item / settings.num_turns;
  prepared.turn = static_cast<int>(item % settings.num_turns);
  const auto picture = [&](int side) {
    return turned_picture(tile_picture(sample.image, plan, prepared.tile, side), prepared.turn);
  };
  if (settings.has_prompts) prepared.prompt = picture(settings.g_size);
  if (!settings.has_embeddings) return prepared;
  std::string key;  // pictures without a digest are not kept
  if (!sample.digest.empty())
    key = settings.stores.key(sample.digest, tile_text(plan, prepared.tile, prepared.turn));
  prepared.embedding = request_embedding(
      {settings.stores, settings.is_pinned}, std::move(key), "a tile of " + sample.id,
      [&] { return picture(settings.picture_size); }, warnings);
  return prepared;
}

PreparedImage prepare_image(std::shared_ptr<const LoadedSample> sample,
                            const TileSettings& settings) {
  PreparedImage image;
  image.sample = std::move(sample);
  image.num_turns = settings.num_turns;
  image.plan = tile_plan(image.sample->image.height, image.sample->image.width, settings.tile,
                         settings.stride);
  const size_t count = std::min(kFirstItems, image.num_items());
  for (size_t item = 0; item < count; ++item)
    image.first.push_back(prepare_tile(*image.sample, image.plan, item, settings, &image.warnings));
  return image;
}

}  // namespace tessera::segmentation
