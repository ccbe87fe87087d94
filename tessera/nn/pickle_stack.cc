#include "tessera/nn/pickle_stack.h"

#include <utility>

#include "tessera/core/error.h"

namespace tessera::nn {

const char* kind_name(PickleKind kind) {
  constexpr const char* kNames[] = {"None",    "a bool",    "an int",   "a float",
                                    "a str",   "a tuple",   "a list",   "a dict",
                                    "a class", "a storage", "a tensor", "a mark"};
  return kNames[static_cast<size_t>(kind)];
}

PickleValue& PickleStack::push(PickleKind kind) {
  PickleValue& value = values_.emplace_back();
  value.kind = kind;
  stack_.push_back(&value);
  return value;
}

void PickleStack::push_tuple(std::vector<const PickleValue*> items) {
  push(PickleKind::kTuple).items = std::move(items);
}

PickleValue& PickleStack::pop() {
  if (stack_.empty()) fail("must leave values for its instructions", "none");
  PickleValue& value = *stack_.back();
  stack_.pop_back();
  return value;
}

PickleValue& PickleStack::pop(PickleKind kind, const char* what) {
  PickleValue& value = pop();
  if (value.kind != kind)
    fail(concat("must give ", kind_name(kind), " ", what), kind_name(value.kind));
  return value;
}

std::vector<const PickleValue*> PickleStack::pop(size_t count) {
  std::vector<const PickleValue*> items(count);
  for (size_t i = count; i-- > 0;) items[i] = &pop();
  return items;
}

std::vector<const PickleValue*> PickleStack::pop_to_mark() {
  size_t begin = stack_.size();
  while (begin > 0 && stack_[begin - 1]->kind != PickleKind::kMark) --begin;
  if (begin == 0) fail("must set a mark", "none");
  std::vector<const PickleValue*> items(stack_.begin() + begin, stack_.end());
  stack_.resize(begin - 1);
  return items;
}

void PickleStack::append(PickleKind kind, const std::vector<const PickleValue*>& items) {
  PickleValue& to = pop(kind, "to add to");
  if (kind == PickleKind::kDict && items.size() % 2 != 0)
    fail("must set items by pairs", concat(items.size(), " values"));
  to.items.insert(to.items.end(), items.begin(), items.end());
  stack_.push_back(&to);
}

void PickleStack::remember(uint64_t index) {
  PickleValue& value = pop();
  memo_[index] = &value;
  stack_.push_back(&value);
}

void PickleStack::recall(uint64_t index) {
  const auto found = memo_.find(index);
  if (found == memo_.end()) fail("must remember what it recalls", concat("index ", index));
  stack_.push_back(found->second);
}

void PickleStack::fail(const std::string& rule, const std::string& got) const {
  throw IoError(concat(file_, ": the pickle ", rule, ", got: ", got));
}

}  // namespace tessera::nn
