// Private: the values, stack and memo of a pickle that is being read.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "tessera/nn/torch_pickle.h"

namespace tessera::nn {

enum class PickleKind {
  kNone,
  kBool,
  kInteger,
  kReal,
  kText,
  kTuple,
  kList,
  kDict,
  kName,
  kStorage,
  kTensor,
  kMark
};

/// "a dict", "an int", ...
const char* kind_name(PickleKind kind);

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  int64_t number = 0;                     // bool, integer
  std::string text;                       // text; a name as "module.name"
  std::vector<const PickleValue*> items;  // tuple, list; key, value, key, value, ... of a dict
  PickledTensor tensor;                   // storage (its first three fields), tensor
};

class PickleStack {
 public:
  /// `file` stands for it in messages.
  explicit PickleStack(std::string file) : file_(std::move(file)) {}

  /// Values live in one list and point at each other, so that no nesting, however deep, makes a
  /// destructor or anything else recurse.
  PickleValue& push(PickleKind kind);
  void push_integer(int64_t number) { push(PickleKind::kInteger).number = number; }
  void push_text(std::string_view text) { push(PickleKind::kText).text = text; }
  void push_tuple(std::vector<const PickleValue*> items);

  PickleValue& pop();
  PickleValue& pop(PickleKind kind, const char* what);  // "must give a dict <what>"
  std::vector<const PickleValue*> pop(size_t count);    // in order
  std::vector<const PickleValue*> pop_to_mark();        // in order

  /// Adds to the list or dict on top.
  void append(PickleKind kind, const std::vector<const PickleValue*>& items);

  void remember(uint64_t index);
  void remember_next() { remember(memo_.size()); }
  void recall(uint64_t index);

  /// Throws IoError "<file>: the pickle <rule>, got: <got>".
  [[noreturn]] void fail(const std::string& rule, const std::string& got) const;

 private:
  std::string file_;
  std::deque<PickleValue> values_;
  std::vector<PickleValue*> stack_;
  std::unordered_map<uint64_t, PickleValue*> memo_;
};

}  // namespace tessera::nn
