// The demo model's prompts: a small vocabulary, one learned vector a word and one a place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <torch/nn/module.h>

namespace tessera::video {

/// A prompt as rows of the embedding table.
struct PromptWords {
  std::vector<int64_t> ids;
  /// Words that the vocabulary lacks, each once, in the prompt's order; they have no id.
  std::vector<std::string> unknown;
};

/// Words and their ids.
class Vocabulary {
 public:
  /// Reads vocab.txt: line i holds the word of id i; further words on the line mean the same
  /// ("gray grey"). Lower case, no word twice. Throws IoError (path, line, rule).
  static Vocabulary read(const std::filesystem::path& path);

  /// Parses the same text; `name` stands in for the path in messages.
  static Vocabulary parse(std::string_view text, const std::string& name);

  int64_t size() const { return static_cast<int64_t>(words_.size()); }

  /// The file's text.
  const std::string& text() const { return text_; }

  /// The first word of each line.
  const std::vector<std::string>& words() const { return words_; }

  /// Splits at everything that is not an ASCII letter or digit or part of a UTF-8 sequence, and
  /// lowers ASCII letters.
  PromptWords look_up(std::string_view prompt) const;

 private:
  std::string text_;
  std::vector<std::string> words_;
  std::unordered_map<std::string, int64_t> id_of_;
};

/// ids padded with -1 to int64 [text_len]. Throws InvalidArgument when there are more.
at::Tensor pad_ids(const std::vector<int64_t>& ids, int64_t text_len);

/// Parameters: embedding.weight [V, text_dim], position.weight [text_len, text_dim].
class WordEncoder : public torch::nn::Module {
 public:
  WordEncoder(int64_t vocabulary_size, int64_t text_len, int64_t text_dim);

  /// ids int64 [B, text_len], -1 where there is no word -> [B, text_len, text_dim]: word plus
  /// place, zero where there is no word; so the empty prompt is all zero.
  at::Tensor forward(const at::Tensor& ids) const;

 private:
  at::Tensor embedding_, position_;
};

/// Words from N(0, 1), places from N(0, 1/4): the place must not drown the word.
void initialise_weights(WordEncoder& encoder, uint64_t seed);

}  // namespace tessera::video
