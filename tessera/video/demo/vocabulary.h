// The words of the demo model's prompts.
//
// A prompt reads: objects, motion, ground, bars, camera; all but the objects may be missing.
//   two striped red circles bouncing on a cloudy blue background behind bars camera panning left
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace tessera::video {

/// The words in the order of vocab.txt; a word's place is its id.
std::vector<std::string> demo_vocabulary();

/// Pairs (other spelling, word of the vocabulary): the generator does not use them, users may.
std::vector<std::pair<std::string, std::string>> demo_aliases();

/// The text of vocab.txt: a word a line, its other spellings behind it.
std::string demo_vocabulary_text();

/// 16 prompts to look at a model with: the first 8 have one object group, motion and a plain
/// ground, the others two groups, textures, bars or a moving camera. Together they show every
/// shape, object colour, count, motion, fill and ground texture.
std::vector<std::string> fixed_prompts();

}  // namespace tessera::video
