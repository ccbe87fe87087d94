#include "tessera/segmentation/demo_sam/targets.h"

#include <algorithm>
#include <cmath>

#include "tessera/core/error.h"
#include "tessera/segmentation/generated/chance.h"

namespace tessera::segmentation {
namespace {

using generated::draw;
using generated::draw_log;
using generated::draw_normal;
using generated::happens;
using generated::pick;

int num_instances(const PreparedScene& scene) { return static_cast<int>(scene.boxes.size()); }

/// Which instances a guided target holds.
void draw_members(const PreparedScene& scene, LabelTable& members, Random& random) {
  const int count = num_instances(scene);
  const int chosen = static_cast<int>(random.below(count));
  members[chosen + 1] = 1;
  switch (pick(random, {0.2f, 0.2f, 0.4f, 0.2f})) {
    case 0:
      return;
    case 1: {
      const float share = draw(random, {0.1f, 0.9f});
      for (int i = 0; i < count; ++i) members[i + 1] += happens(random, share) && i != chosen;
      return;
    }
    case 2:
      for (int i = 0; i < count; ++i) members[i + 1] = scene.groups[i] == scene.groups[chosen];
      return;
    default:
      for (int i = 0; i < count; ++i) members[i + 1] = 1;
  }
}

/// `miss_rate` and `take_rate` are shares of instances that the prompt has wrong.
void draw_evidence(const PreparedScene& scene, float miss_rate, float take_rate,
                   GuidedTarget& target, Random& random) {
  target.evidence.fill(-1);
  target.evidence[0] = -draw(random, {0.6f, 1});
  int right = 0;
  for (int label = 1; label <= num_instances(scene); ++label) {
    const bool is_member = target.members[label] > 0;
    const bool is_wrong = happens(random, is_member ? miss_rate : take_rate);
    const float confidence = is_wrong ? draw(random, {0.05f, 0.6f}) : draw(random, {0.5f, 1});
    target.evidence[label] = is_member == is_wrong ? -confidence : confidence;
    right += is_member && !is_wrong;
  }
  if (right > 0) return;
  // Something must say what is meant.
  for (int label = 1; label <= num_instances(scene); ++label) {
    if (target.members[label] > 0) target.evidence[label] = 1;
  }
}

Spoiling draw_spoiling(bool is_near_exact, Random& random) {
  Spoiling spoiling;
  spoiling.magnitude = draw_log(random, {0.5f, 20});
  if (is_near_exact) {
    spoiling.grain = happens(random, 0.5f) ? draw(random, {0, 0.2f}) : 0;
    return spoiling;
  }
  const auto often = [&](float probability, generated::Range range) {
    return happens(random, probability) ? draw(random, range) : 0.0f;
  };
  spoiling.shift_x = often(0.6f, {-0.02f, 0.02f});
  spoiling.shift_y = often(0.6f, {-0.02f, 0.02f});
  spoiling.growth = 1 + often(0.4f, {-0.03f, 0.03f});
  spoiling.blur = happens(random, 0.65f) ? draw_log(random, {0.5f, 6}) : 0.0f;
  spoiling.bias = often(0.5f, {-0.5f, 0.5f});
  for (float& amplitude : spoiling.blobs) amplitude = often(0.35f, {0, 1});
  spoiling.block = static_cast<float>(pick(random, {0.75f, 0.15f, 0.1f}));
  spoiling.sharpness = happens(random, 0.5f) ? draw_log(random, {1, 8}) : 0.0f;
  spoiling.grain = often(0.4f, {0, 0.6f});
  return spoiling;
}

}  // namespace

PreparedScene prepare(const Scene& scene) {
  const int size = scene.image.width;
  TESSERA_CHECK(scene.image.height == size && scene.image.channels == 3,
                "[prepare] a scene must be square and RGB, got: ", scene.image.height, " x ", size,
                " x ", scene.image.channels);
  TESSERA_CHECK(scene.num_instances >= 1 && scene.num_instances <= kMaxInstances,
                "[prepare] instances must be 1 to ", kMaxInstances, ", got: ", scene.num_instances);
  PreparedScene result;
  result.size = size;
  result.rgb = scene.image.data;
  result.labels.assign(scene.labels.begin(), scene.labels.end());
  result.groups = scene.groups;
  const auto far = static_cast<float>(size);
  result.boxes.assign(static_cast<size_t>(scene.num_instances), {far, far, -1, -1});
  for (int y = 0; y < size; ++y) {
    for (int x = 0; x < size; ++x) {
      const int label = result.labels[size_t(y) * size + x];
      if (label == 0) continue;
      PixelBox& box = result.boxes[label - 1];
      box = {std::min(box[0], float(x)), std::min(box[1], float(y)), std::max(box[2], float(x)),
             std::max(box[3], float(y))};
    }
  }
  return result;
}

PreparedScene make_prepared_scene(const SceneSettings& settings, uint64_t seed, int64_t index) {
  Random seeds(seed ^ (static_cast<uint64_t>(index) * 0xd1342543de82ef95ull));
  while (true) {
    const Scene scene = make_scene(settings, seeds.next());
    if (scene.num_instances >= 1) return prepare(scene);
  }
}

PixelBox with_noise(const PixelBox& box, int size, Random& random) {
  const float limit = 20.0f * static_cast<float>(size) / 1024.0f;
  const float sides[2] = {box[2] - box[0] + 1, box[3] - box[1] + 1};
  PixelBox result = box;
  for (int i = 0; i < 4; ++i) {
    const float noise = 0.1f * sides[i % 2] * draw_normal(random);
    result[i] = std::clamp(box[i] + std::clamp(noise, -limit, limit), 0.0f, float(size - 1));
  }
  for (int i = 0; i < 2; ++i) {
    if (result[i + 2] < result[i] + 1) {
      result[i] = box[i];
      result[i + 2] = box[i + 2];
    }
  }
  return result;
}

std::vector<InteractiveTarget> draw_interactive(const PreparedScene& scene, int count,
                                                Random& random) {
  std::vector<InteractiveTarget> targets;
  std::vector<int> left;
  while (static_cast<int>(targets.size()) < count) {
    if (left.empty()) {
      for (int label = 1; label <= num_instances(scene); ++label) left.push_back(label);
    }
    std::swap(left[static_cast<size_t>(random.below(static_cast<int64_t>(left.size())))],
              left.back());
    InteractiveTarget target;
    target.label = left.back();
    left.pop_back();
    target.members[target.label] = 1;
    const PixelBox& box = scene.boxes[target.label - 1];
    target.drawn_box = happens(random, kExactBoxes) ? box : with_noise(box, scene.size, random);
    targets.push_back(target);
  }
  return targets;
}

GuidedTarget draw_guided(const PreparedScene& scene, Random& random) {
  GuidedTarget target;
  draw_members(scene, target.members, random);
  const bool is_near_exact = happens(random, 0.2f);
  const bool has_misses = !is_near_exact && happens(random, 0.5f);
  const bool has_strangers = !is_near_exact && happens(random, 0.5f);
  draw_evidence(scene, has_misses ? draw(random, {0, 0.35f}) : 0,
                has_strangers ? draw(random, {0, 0.3f}) : 0, target, random);
  target.spoiling = draw_spoiling(is_near_exact, random);
  return target;
}

}  // namespace tessera::segmentation
