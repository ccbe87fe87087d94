// Private: the pickle of a state dict, read by an interpreter that knows dictionaries, numbers and
// tensors, and nothing else.
//
// It calls no function and makes no object of any class: a name outside the list in
// torch_pickle.cc is refused before anything is done with it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace tessera::nn {

/// A tensor as the pickle describes it; the numbers are whatever stands there, not yet checked.
struct PickledTensor {
  std::string storage_type;  // "FloatStorage", ...
  std::string storage_key;   // names the entry with its bytes
  int64_t storage_size = 0;  // elements
  int64_t offset = 0;        // elements
  std::vector<int64_t> sizes, strides;
};

/// `name` stands for the file in messages. Throws IoError: damaged, an instruction or a name that
/// a state dict does not need, an entry that is not a tensor.
std::map<std::string, PickledTensor> read_state_dict_pickle(std::span<const std::byte> pickle,
                                                            const std::string& name);

}  // namespace tessera::nn
