#include "tessera/nn/torch_pickle.h"

#include <algorithm>
#include <utility>

#include "tessera/core/error.h"
#include "tessera/nn/byte_reader.h"
#include "tessera/nn/pickle_stack.h"

namespace tessera::nn {
namespace {

// The state dict of the largest SAM takes 0.1 MB; a larger pickle is something else.
constexpr size_t kMaxPickleBytes = 2u << 20;

// What one tensor may cost however often it is made: a pickle can repeat it in two bytes.
constexpr size_t kMaxExtents = 16, kMaxKeyLength = 64;

// All that a state dict needs. Everything else, os.system for instance, is refused by name.
constexpr const char* kOrderedDict = "collections.OrderedDict";
constexpr const char* kRebuildTensor = "torch._utils._rebuild_tensor_v2";
constexpr const char* kRebuildParameter = "torch._utils._rebuild_parameter";
constexpr const char* kStorages[] = {
    "torch.DoubleStorage", "torch.FloatStorage", "torch.HalfStorage",  "torch.BFloat16Storage",
    "torch.LongStorage",   "torch.IntStorage",   "torch.ShortStorage", "torch.CharStorage",
    "torch.ByteStorage",   "torch.BoolStorage"};

bool is_storage(const std::string& name) {
  return std::find(std::begin(kStorages), std::end(kStorages), name) != std::end(kStorages);
}

class Interpreter {
 public:
  Interpreter(std::span<const std::byte> pickle, const std::string& file)
      : stack_(file), reader_(pickle, file + ": the pickle") {}

  /// The value that the pickle leaves; alive as long as the interpreter.
  const PickleValue& run() {
    for (auto code = byte(); code != '.'; code = byte()) {
      if (!push_constant(code) && !push_text_or_number(code) && !collect(code) && !use_memo(code) &&
          !use_name(code))
        fail("may only use the instructions of a state dict", concat("code ", int{code}));
    }
    return stack_.pop();
  }

  [[noreturn]] void fail(const std::string& rule, const std::string& got) const {
    stack_.fail(rule, got);
  }

 private:
  uint8_t byte() { return reader_.number<uint8_t>(); }

  bool push_constant(uint8_t code) {
    switch (code) {
      case 0x80:  // PROTO
        if (const auto version = byte(); version < 2 || version > 5)
          fail("must be of protocol 2 to 5", concat(int{version}));
        return true;
      case 0x95:  // FRAME
        reader_.take(8);
        return true;
      case 'N':
        return is_pushed(PickleKind::kNone);
      case 0x88:  // NEWTRUE
      case 0x89:  // NEWFALSE
        return is_pushed(PickleKind::kBool);
      case '(':
        return is_pushed(PickleKind::kMark);
      case ')':
        return is_pushed(PickleKind::kTuple);
      case ']':
        return is_pushed(PickleKind::kList);
      case '}':
        return is_pushed(PickleKind::kDict);
      case 'G':  // BINFLOAT: no use is made of its value
        reader_.take(8);
        return is_pushed(PickleKind::kReal);
      default:
        return false;
    }
  }

  bool is_pushed(PickleKind kind) {
    stack_.push(kind);
    return true;
  }

  bool push_text_or_number(uint8_t code) {
    switch (code) {
      case 'J':  // BININT
        stack_.push_integer(reader_.number<int32_t>());
        return true;
      case 'K':  // BININT1
        stack_.push_integer(byte());
        return true;
      case 'M':  // BININT2
        stack_.push_integer(reader_.number<uint16_t>());
        return true;
      case 0x8a:  // LONG1
        push_long();
        return true;
      case 'X':  // BINUNICODE
        stack_.push_text(reader_.text(reader_.number<uint32_t>()));
        return true;
      case 0x8c:  // SHORT_BINUNICODE
        stack_.push_text(reader_.text(byte()));
        return true;
      default:
        return false;
    }
  }

  /// Two's complement of as many bytes as it needs.
  void push_long() {
    const auto bytes = reader_.take(byte());
    if (bytes.size() > 8)
      fail("must have integers of at most 8 bytes", concat(bytes.size(), " bytes"));
    const bool is_negative = !bytes.empty() && (bytes.back() & std::byte{0x80}) != std::byte{0};
    uint64_t value = is_negative ? ~uint64_t{0} : 0;
    for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint64_t>(bytes[i]);
    stack_.push_integer(static_cast<int64_t>(value));
  }

  bool collect(uint8_t code) {
    switch (code) {
      case 't':  // TUPLE
        stack_.push_tuple(stack_.pop_to_mark());
        return true;
      case 0x85:  // TUPLE1
      case 0x86:  // TUPLE2
      case 0x87:  // TUPLE3
        stack_.push_tuple(stack_.pop(code - 0x84));
        return true;
      case 'a':  // APPEND
        stack_.append(PickleKind::kList, stack_.pop(1));
        return true;
      case 'e':  // APPENDS
        stack_.append(PickleKind::kList, stack_.pop_to_mark());
        return true;
      case 's':  // SETITEM
        stack_.append(PickleKind::kDict, stack_.pop(2));
        return true;
      case 'u':  // SETITEMS
        stack_.append(PickleKind::kDict, stack_.pop_to_mark());
        return true;
      case 'b':  // BUILD: gives a state dict its attribute "_metadata"
        stack_.pop();
        stack_.append(PickleKind::kDict, {});
        return true;
      default:
        return false;
    }
  }

  bool use_memo(uint8_t code) {
    switch (code) {
      case 'q':  // BINPUT
        stack_.remember(byte());
        return true;
      case 'r':  // LONG_BINPUT
        stack_.remember(reader_.number<uint32_t>());
        return true;
      case 0x94:  // MEMOIZE
        stack_.remember_next();
        return true;
      case 'h':  // BINGET
        stack_.recall(byte());
        return true;
      case 'j':  // LONG_BINGET
        stack_.recall(reader_.number<uint32_t>());
        return true;
      default:
        return false;
    }
  }

  bool use_name(uint8_t code) {
    switch (code) {
      case 'c': {  // GLOBAL
        const std::string module = line();
        push_name(module + "." + line());
        return true;
      }
      case 0x93: {  // STACK_GLOBAL
        const auto& name = stack_.pop(PickleKind::kText, "as a name").text;
        push_name(stack_.pop(PickleKind::kText, "as a module").text + "." + name);
        return true;
      }
      case 'Q':  // BINPERSID
        push_storage(stack_.pop(PickleKind::kTuple, "as a storage's id").items);
        return true;
      case 'R': {  // REDUCE
        const auto& arguments = stack_.pop(PickleKind::kTuple, "of arguments").items;
        call(stack_.pop(PickleKind::kName, "to call").text, arguments);
        return true;
      }
      default:
        return false;
    }
  }

  std::string line() {
    std::string text;
    for (auto letter = byte(); letter != '\n'; letter = byte()) text += static_cast<char>(letter);
    return text;
  }

  void push_name(const std::string& name) {
    const bool is_known = name == kOrderedDict || name == kRebuildTensor ||
                          name == kRebuildParameter || is_storage(name);
    if (!is_known)
      fail("may only name what a state dict of tensors needs (save `model.state_dict()`)", name);
    stack_.push(PickleKind::kName).text = name;
  }

  using Items = std::vector<const PickleValue*>;

  static bool are(const Items& items, std::initializer_list<PickleKind> kinds) {
    return items.size() >= kinds.size() &&
           std::equal(kinds.begin(), kinds.end(), items.begin(),
                      [](PickleKind kind, const PickleValue* item) { return item->kind == kind; });
  }

  void push_storage(const Items& id) {
    using enum PickleKind;
    if (!are(id, {kText, kName, kText, kText, kInteger}) || id[0]->text != "storage" ||
        !is_storage(id[1]->text) || id[2]->text.size() > kMaxKeyLength)
      fail("must name storages as (\"storage\", class, key, device, size)", "another id");
    auto& storage = stack_.push(kStorage).tensor;
    storage.storage_type = id[1]->text.substr(sizeof("torch.") - 1);
    storage.storage_key = id[2]->text;
    storage.storage_size = id[4]->number;
  }

  void call(const std::string& name, const Items& arguments) {
    using enum PickleKind;
    if (name == kOrderedDict && arguments.empty()) {
      stack_.push(kDict);
    } else if (name == kRebuildTensor && are(arguments, {kStorage, kInteger, kTuple, kTuple})) {
      // (storage, offset, sizes, strides, requires_grad, hooks)
      auto tensor = arguments[0]->tensor;
      tensor.offset = arguments[1]->number;
      tensor.sizes = integers(arguments[2]->items);
      tensor.strides = integers(arguments[3]->items);
      stack_.push(kTensor).tensor = std::move(tensor);
    } else if (name == kRebuildParameter && are(arguments, {kTensor})) {
      stack_.push(kTensor).tensor = arguments[0]->tensor;
    } else {
      fail("may only make empty dicts and tensors",
           concat(name, " with ", arguments.size(), " arguments"));
    }
  }

  std::vector<int64_t> integers(const Items& items) const {
    if (items.size() > kMaxExtents)
      fail(concat("must give tensors at most ", kMaxExtents, " dims"), concat(items.size()));
    std::vector<int64_t> numbers;
    for (const auto* item : items) {
      if (item->kind != PickleKind::kInteger)
        fail("must give extents as ints", kind_name(item->kind));
      numbers.push_back(item->number);
    }
    return numbers;
  }

  PickleStack stack_;
  ByteReader reader_;
};

}  // namespace

std::map<std::string, PickledTensor> read_state_dict_pickle(std::span<const std::byte> pickle,
                                                            const std::string& name) {
  if (pickle.size() > kMaxPickleBytes)
    throw IoError(concat(name, ": the pickle must have at most ", kMaxPickleBytes,
                         " bytes, got: ", pickle.size()));
  Interpreter interpreter(pickle, name);
  const auto& root = interpreter.run();
  if (root.kind != PickleKind::kDict)
    interpreter.fail("must hold a dict of tensors", kind_name(root.kind));
  std::map<std::string, PickledTensor> tensors;
  for (size_t i = 0; i < root.items.size(); i += 2) {
    const auto &key = *root.items[i], &value = *root.items[i + 1];
    if (key.kind != PickleKind::kText)
      interpreter.fail("must have texts as keys", kind_name(key.kind));
    if (value.kind != PickleKind::kTensor)
      interpreter.fail("must hold tensors only (save `model.state_dict()`)",
                       concat(kind_name(value.kind), " under \"", key.text, "\""));
    if (!tensors.emplace(key.text, value.tensor).second)
      interpreter.fail("must hold every tensor once", concat("\"", key.text, "\" twice"));
  }
  return tensors;
}

}  // namespace tessera::nn
