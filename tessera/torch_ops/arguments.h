// Private: the operator's arguments as the attention library's structs, and the policies back.
#pragma once

#include <limits>
#include <optional>
#include <string_view>
#include <vector>

#include <ATen/core/Tensor.h>

#include "tessera/attention/attention.h"
#include "tessera/torch_ops/attention_operator.h"

namespace tessera::torch_ops {

/// Torch's integers are 64 bits wide, the library's header holds 32. Throws InvalidArgument.
int32_t narrowed(int64_t value, const char* function, const char* name, int64_t low,
                 int64_t high = std::numeric_limits<int32_t>::max());

/// [B, L, H, D] of fp32, fp16 or bf16 on the CPU. Throws InvalidArgument, Unsupported.
attention::TensorView view_of_input(const at::Tensor& tensor, std::string_view name,
                                    const char* function = "attention_forward");
attention::MutableTensorView view_of_output(const at::Tensor& tensor, std::string_view name,
                                            const char* function = "attention_forward");

/// Throws InvalidArgument if a gradient is recorded for this input: there is none.
void refuse_gradient(const at::Tensor& tensor, std::string_view name,
                     const char* function = "attention_forward");

/// The attention library's choice of that name; throws InvalidArgument for another.
attention::Direction direction_of(std::string_view first);

/// Both ways between ranges and the operator's rows of numbers; none for no ranges.
std::vector<attention::TokenRange> ranges_of(const OptionalTensor& rows, const char* name);
OptionalTensor tensor_of(const std::vector<attention::TokenRange>& ranges);

/// int64 [B]; empty for none.
std::vector<int64_t> lengths_of(const OptionalTensor& lengths, int64_t batch);

/// The memory of a contiguous fp32 tensor of `shape` on the CPU; null for none.
float* float_data(const OptionalTensor& tensor, const char* name, at::IntArrayRef shape);

/// A policy as the operator's arguments.
struct PolicyArguments {
  std::string_view policy = "mass", growth = "linear", estimate = "row_maximum";
  std::optional<double> level = {};
  OptionalTensor levels = {};  // fp32 [steps, heads]
  int64_t probe_period = 0, probe_seed = 0;
  bool alternates = true;
};

/// The policy's tables are views of `arguments.levels`.
attention::SkipPolicy policy_of(const PolicyArguments& arguments);
PolicyArguments arguments_of(const attention::SkipPolicy& policy);

}  // namespace tessera::torch_ops
