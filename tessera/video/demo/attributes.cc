#include "tessera/video/demo/attributes.h"

#include <algorithm>
#include <string_view>

#include "tessera/video/demo/distribution.h"
#include "tessera/video/demo/words.h"

namespace tessera::video {
namespace {

using namespace distribution;

template <typename Table, typename Enum>
std::string_view word_of(const Table& table, Enum value) {
  return table[static_cast<size_t>(value)];
}

/// A disc or ring that spins looks still.
bool can_spin(ObjectShape shape) {
  return shape != ObjectShape::kCircle && shape != ObjectShape::kRing;
}

/// A group that can be told from the ground, and from the other group by shape and colour.
ObjectGroup sample_group(const Attributes& scene, Random& random) {
  ObjectGroup group;
  const auto is_unclear = [&] {
    return (scene.motion == Motion::kSpinning && !can_spin(group.shape)) ||
           group.colour == scene.ground_colour ||
           std::any_of(scene.groups.begin(), scene.groups.end(), [&](const ObjectGroup& other) {
             return other.shape == group.shape || other.colour == group.colour;
           });
  };
  do {
    group.shape = static_cast<ObjectShape>(random.below(kShapeWords.size()));
    group.colour = static_cast<int>(random.below(kObjectPalette.size()));
  } while (is_unclear());
  group.fill = pick<ObjectFill>(random, kFill);
  return group;
}

/// A prompt under construction.
class Prompt {
 public:
  /// Adds a phrase; an empty one is none.
  void say(std::string_view phrase) {
    if (phrase.empty()) return;
    if (!text_.empty()) text_ += ' ';
    text_ += phrase;
    num_words_ += words_in(phrase);
  }

  bool has_room_for(std::string_view phrase) const {
    return num_words_ + words_in(phrase) <= kMaxPromptWords;
  }

  std::string text() const { return text_; }

 private:
  static size_t words_in(std::string_view phrase) {
    return 1 + static_cast<size_t>(std::count(phrase.begin(), phrase.end(), ' '));
  }

  std::string text_;
  size_t num_words_ = 0;
};

void say_group(const ObjectGroup& group, Random& random, Prompt& prompt) {
  prompt.say(kCountWords[static_cast<size_t>(group.count - 1)]);
  if (happens(random, kSayFill)) prompt.say(word_of(kFillWords, group.fill));
  if (happens(random, kSayColour)) prompt.say(word_of(kObjectColourWords, group.colour));
  prompt.say(word_of(group.count == 1 ? kShapeWords : kPluralShapeWords, group.shape));
}

void say_ground(const Attributes& scene, Random& random, Prompt& prompt) {
  const bool has_texture =
      scene.ground != GroundTexture::kPlain && happens(random, kSayGroundTexture);
  const bool has_colour = happens(random, kSayGroundColour);
  if (!happens(random, kSayGround) || !(has_texture || has_colour)) return;
  prompt.say("on a");
  if (has_texture) prompt.say(word_of(kGroundTextureWords, scene.ground));
  if (has_colour) prompt.say(word_of(kGroundColourWords, scene.ground_colour));
  prompt.say("background");
}

}  // namespace

Attributes sample_attributes(Random& random) {
  Attributes scene;
  const bool has_two_groups = happens(random, kTwoGroups);
  const int count = has_two_groups ? 1 : 1 + pick(random, kCount);
  scene.motion = pick<Motion>(random, kMotion);
  scene.ground = pick<GroundTexture>(random, kGroundTexture);
  scene.ground_colour = static_cast<int>(random.below(kGroundPalette.size()));
  for (int i = 0; i < (has_two_groups ? 2 : 1); ++i) {
    scene.groups.push_back(sample_group(scene, random));
    scene.groups.back().count = count;
  }

  Prompt prompt;
  for (const auto& group : scene.groups) {
    if (&group != &scene.groups.front()) prompt.say("and");
    say_group(group, random, prompt);
  }
  if (happens(random, kSayMotion)) prompt.say(word_of(kMotionWords, scene.motion));
  say_ground(scene, random, prompt);
  // What must be said but does not fit is not there.
  scene.has_bars = happens(random, kBars) && prompt.has_room_for("behind bars");
  if (scene.has_bars) prompt.say("behind bars");
  scene.panning = pick<Panning>(random, kPanning);
  // Sideways motion and a panning camera would cancel, or add up to something else.
  if (scene.motion == Motion::kLeft || scene.motion == Motion::kRight)
    scene.panning = Panning::kNone;
  const auto panning = word_of(kPanningWords, scene.panning);
  if (!prompt.has_room_for(panning)) scene.panning = Panning::kNone;
  if (scene.panning != Panning::kNone) prompt.say(panning);
  scene.prompt = prompt.text();
  return scene;
}

}  // namespace tessera::video
