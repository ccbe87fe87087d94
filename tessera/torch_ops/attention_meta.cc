// The operator without memory: what torch.compile and torch.export trace.
#include <ATen/ops/empty.h>

#include "tessera/core/error.h"
#include "tessera/torch_ops/arguments.h"
#include "tessera/torch_ops/attention_operator.h"
#include "tessera/torch_ops/statistics.h"

namespace tessera::torch_ops {

// Values are checked where they are known, on the device; this checks what shapes can tell.
AttentionTuple attention_forward_meta(
    const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const OptionalTensor&,
    const OptionalTensor&, const OptionalTensor&, const OptionalTensor&, const OptionalTensor&,
    const OptionalTensor&, std::optional<double>, std::string_view, std::optional<double>,
    const OptionalTensor&, std::string_view, std::string_view, int64_t, int64_t, bool, bool,
    const OptionalTensor&, const OptionalTensor&, const OptionalTensor&, const OptionalTensor&,
    const OptionalTensor&, int64_t, std::optional<int64_t>, std::optional<int64_t>) {
  for (const auto& [tensor, name] : {std::pair{&q, "q"}, {&k, "k"}, {&v, "v"}}) {
    TESSERA_CHECK(tensor->dim() == 4, "[attention_forward] ", name,
                  " must be [B, L, H, D], got: ", tensor->sym_sizes());
    TESSERA_CHECK(tensor->is_meta(), "[attention_forward] ", name,
                  " must be on q's device, got: ", tensor->device().str());
    refuse_gradient(*tensor, name);
  }
  const auto sizes = q.sym_sizes();
  const c10::SymInt& batch = sizes[0];
  const c10::SymInt& heads = sizes[2];
  const auto rows = [&] {
    return at::empty_symint({batch, heads, sizes[1]}, q.options().dtype(at::kFloat));
  };
  return {at::empty_symint(sizes, q.options()), rows(), rows(),
          at::empty_symint({batch, heads, kCounters}, q.options().dtype(at::kLong)),
          at::empty_symint({batch, heads, kMasses}, q.options().dtype(at::kDouble))};
}

}  // namespace tessera::torch_ops
