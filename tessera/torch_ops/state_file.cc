#include "tessera/torch_ops/state_file.h"

#include <cstring>

#include "tessera/torch_ops/arguments.h"
#include "tessera/torch_ops/attention_operator.h"

namespace tessera::torch_ops {
namespace {

void check_state_operator(const at::Tensor& bits, const at::Tensor& spent, const at::Tensor& header,
                          const OptionalTensor& lse, const OptionalTensor& pending) {
  check_state(state_tensors(bits, spent, header, lse, pending));
}

void save_state_operator(const at::Tensor& bits, const at::Tensor& spent, const at::Tensor& header,
                         const OptionalTensor& lse, const OptionalTensor& pending,
                         std::string_view path) {
  save_state(state_tensors(bits, spent, header, lse, pending), path);
}

StateTuple load_state_operator(std::string_view path) { return state_tuple(load_state(path)); }

}  // namespace

void check_state(const SkipStateTensors& state) { attention::check_state(view_of(state)); }

void save_state(const SkipStateTensors& state, const std::filesystem::path& path) {
  attention::save_state(view_of(state), path);
}

SkipStateTensors load_state(const std::filesystem::path& path) {
  const auto loaded = attention::SkipState::load(path);
  const attention::SkipStateView from = loaded.view();
  SkipStateTensors state = make_skip_state(loaded.shape());
  const auto copy = [](const at::Tensor& to, const void* data) {
    if (to.defined()) std::memcpy(to.mutable_data_ptr(), data, to.nbytes());
  };
  copy(state.bits, from.bits);
  copy(state.spent, from.spent);
  copy(state.header, from.header);
  copy(state.lse, from.lse);
  copy(state.pending, from.pending);
  return state;
}

void register_state_file(torch::Library& library) {
  library.def(
      "check_state(Tensor bits, Tensor spent, Tensor header, Tensor? lse=None, "
      "Tensor? pending=None) -> ()",
      &check_state_operator);
  library.def(
      "save_state(Tensor bits, Tensor spent, Tensor header, Tensor? lse=None, "
      "Tensor? pending=None, *, str path) -> ()",
      &save_state_operator);
  library.def(
      "load_state(str path) -> (Tensor bits, Tensor spent, Tensor header, Tensor? lse, "
      "Tensor? pending)",
      &load_state_operator);
}

}  // namespace tessera::torch_ops
