#include "tessera/nn/torch_checkpoint.h"

#include <cstring>
#include <utility>

#include <ATen/ops/empty.h>
#include <ATen/ops/isfinite.h>

#include "tessera/core/error.h"
#include "tessera/core/file_io.h"
#include "tessera/nn/torch_pickle.h"
#include "tessera/nn/torch_zip.h"

namespace tessera::nn {
namespace {

using Bytes = std::span<const std::byte>;
using Entries = std::map<std::string, Bytes>;

constexpr std::pair<const char*, at::ScalarType> kStorageTypes[] = {
    {"DoubleStorage", at::kDouble},     {"FloatStorage", at::kFloat}, {"HalfStorage", at::kHalf},
    {"BFloat16Storage", at::kBFloat16}, {"LongStorage", at::kLong},   {"IntStorage", at::kInt},
    {"ShortStorage", at::kShort},       {"CharStorage", at::kChar},   {"ByteStorage", at::kByte},
    {"BoolStorage", at::kBool}};

// More dims than any layer has.
constexpr size_t kMaxDims = 8;

class Checkpoint {
 public:
  Checkpoint(Bytes bytes, const std::string& name) : name_(name) {
    refuse_other_formats(bytes);
    entries_ = read_stored_zip(bytes, name);
    for (const auto& [entry, data] : entries_) {
      if (!entry.ends_with("/data.pkl")) continue;
      if (!folder_.empty()) fail("must hold one data.pkl", "two");
      folder_ = entry.substr(0, entry.size() - sizeof("data.pkl") + 1);
    }
    if (folder_.empty()) fail("must hold a data.pkl, as torch.save writes it", "none");
    const auto order = entries_.find(folder_ + "byteorder");
    if (order != entries_.end() && text_of(order->second) != "little")
      fail("must be little-endian", text_of(order->second));
  }

  NamedTensors tensors() {
    NamedTensors tensors;
    for (const auto& [key, pickled] :
         read_state_dict_pickle(entries_.at(folder_ + "data.pkl"), name_)) {
      const auto tensor = make(key, pickled);
      if (tensor.is_floating_point() && !at::isfinite(tensor).all().item<bool>())
        fail(concat("tensor \"", key, "\" must be finite"), "NaN or Inf");
      tensors[key] = tensor;
    }
    return tensors;
  }

 private:
  [[noreturn]] void fail(const std::string& rule, const std::string& got) const {
    throw IoError(concat(name_, ": ", rule, ", got: ", got));
  }

  static std::string text_of(Bytes bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), std::min<size_t>(bytes.size(), 16)};
  }

  void refuse_other_formats(Bytes bytes) const {
    const std::string start = text_of(bytes);
    if (start.starts_with("PK")) return;
    if (start.starts_with("\x80"))
      fail(
          "must be a ZIP file of torch.save (load it in Python with a current PyTorch and save it "
          "again)",
          "the format from before PyTorch 1.6");
    fail("must be a ZIP file of torch.save", start.empty() ? "an empty file" : "other bytes");
  }

  at::Tensor storage(const std::string& key, const PickledTensor& pickled) {
    const auto* type = std::begin(kStorageTypes);
    while (type->first != pickled.storage_type) ++type;  // the pickle's reader knows no others
    const auto where = concat("the storage of tensor \"", key, "\" ");
    const auto found = entries_.find(folder_ + "data/" + pickled.storage_key);
    if (found == entries_.end())
      fail(where + "must be in the file", "no entry data/" + pickled.storage_key);
    const size_t element = c10::elementSize(type->second);
    const Bytes bytes = found->second;
    if (bytes.size() % element != 0 ||
        pickled.storage_size != static_cast<int64_t>(bytes.size() / element))
      fail(concat(where, "must have ", pickled.storage_size, " elements of ", element, " bytes"),
           concat(bytes.size(), " bytes"));
    auto& made = storages_[{pickled.storage_key, type->second}];
    if (made.defined()) return made;
    made = at::empty({pickled.storage_size}, type->second);
    if (!bytes.empty()) std::memcpy(made.mutable_data_ptr(), bytes.data(), bytes.size());
    if (type->second == at::kBool)  // a bool that is neither 0 nor 1 is undefined behaviour
      for (const std::byte byte : bytes)
        if (byte > std::byte{1}) fail(where + "must hold bools", concat(int(byte)));
    return made;
  }

  at::Tensor make(const std::string& key, const PickledTensor& pickled) {
    const auto all = storage(key, pickled);
    const auto check = [&](bool is_kept, const std::string& rule, const auto& got) {
      if (!is_kept) fail(concat("tensor \"", key, "\" must ", rule), concat(got));
    };
    const auto &sizes = pickled.sizes, &strides = pickled.strides;
    check(sizes.size() == strides.size() && sizes.size() <= kMaxDims,
          concat("have as many strides as sizes and at most ", kMaxDims),
          concat(sizes.size(), " sizes, ", strides.size(), " strides"));
    const int64_t available = all.numel();
    check(pickled.offset >= 0 && pickled.offset <= available,
          concat("start within its storage of ", available), pickled.offset);
    // Steps of zero could make a tensor of any size out of one number; no weight needs them.
    int64_t elements = 1, last = pickled.offset;
    for (size_t i = 0; i < sizes.size(); ++i) {
      check(sizes[i] >= 0 && sizes[i] <= available, concat("have extents in [0, ", available, "]"),
            sizes[i]);
      check(strides[i] >= 0 && strides[i] <= std::max<int64_t>(available, 1),
            concat("have strides in [0, ", available, "]"), strides[i]);
      check(sizes[i] == 0 || elements <= available / sizes[i],
            concat("have no more elements than its storage of ", available),
            at::IntArrayRef(sizes));
      elements *= sizes[i];
      if (sizes[i] == 0) continue;
      const int64_t left = available - last;
      check(strides[i] == 0 || sizes[i] - 1 <= left / strides[i],
            concat("end within its storage of ", available), at::IntArrayRef(sizes));
      last += (sizes[i] - 1) * strides[i];
    }
    check(elements == 0 || last < available, concat("end within its storage of ", available), last);
    return all.as_strided(sizes, strides, pickled.offset);
  }

  std::string name_, folder_;
  Entries entries_;
  std::map<std::pair<std::string, at::ScalarType>, at::Tensor> storages_;
};

}  // namespace

Weights parse_torch_checkpoint(Bytes bytes, const std::string& name) {
  Weights weights;
  weights.source = name;
  weights.tensors = Checkpoint(bytes, name).tensors();
  return weights;
}

Weights load_torch_checkpoint(const std::filesystem::path& path) {
  const MappedFile file(path);
  return parse_torch_checkpoint(file.bytes(), path.string());
}

}  // namespace tessera::nn
