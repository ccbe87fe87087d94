#include "tessera/torch_ops/arguments.h"

#include <algorithm>

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include "tessera/core/error.h"

namespace tessera::torch_ops {
namespace {

DType dtype_of(const at::Tensor& tensor, std::string_view name, const char* function) {
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return DType::kFloat32;
    case at::kBFloat16:
      return DType::kBFloat16;
    case at::kHalf:
      return DType::kFloat16;
    default:
      throw Unsupported(concat(
          "[", function, "] ", name,
          " must be float32, float16 or bfloat16, got: ", c10::toString(tensor.scalar_type())));
  }
}

template <typename View>
View view_of_tensor(const at::Tensor& tensor, std::string_view name, const char* function) {
  TESSERA_CHECK(tensor.dim() == 4, "[", function, "] ", name,
                " must be [B, L, H, D], got: ", tensor.sizes());
  TESSERA_CHECK(tensor.is_cpu(), "[", function, "] ", name,
                " must be on the CPU, got: ", tensor.device().str());
  View view;
  view.dtype = dtype_of(tensor, name, function);
  if constexpr (std::is_same_v<View, attention::MutableTensorView>) {
    view.data = tensor.mutable_data_ptr();
  } else {
    view.data = tensor.const_data_ptr();
  }
  for (int i = 0; i < 4; ++i) {
    view.shape[i] = tensor.size(i);
    view.strides[i] = tensor.stride(i);
  }
  return view;
}

attention::LevelTable table_of(const OptionalTensor& levels) {
  if (!levels) return {};
  TESSERA_CHECK(levels->is_cpu() && levels->is_contiguous() && levels->dim() == 2 &&
                    levels->scalar_type() == at::kFloat,
                "[attention_forward] levels must be contiguous float32 [steps, heads] on the CPU, "
                "got: ",
                c10::toString(levels->scalar_type()), " ", levels->sizes());
  return {.values = {levels->const_data_ptr<float>(), static_cast<size_t>(levels->numel())},
          .steps = levels->size(0),
          .heads = levels->size(1)};
}

constexpr int64_t kRangeNumbers = 5;  // of a TokenRange

OptionalTensor tensor_of(const attention::LevelTable& table) {
  if (table.is_empty()) return std::nullopt;
  at::Tensor levels = at::empty({table.steps, table.heads}, at::kFloat);
  std::copy(table.values.begin(), table.values.end(), levels.mutable_data_ptr<float>());
  return levels;
}

template <typename Value>
Value named(const char* function, std::string_view name, const char* what,
            std::initializer_list<std::pair<std::string_view, Value>> choices) {
  std::string known;
  for (const auto& [choice, value] : choices) {
    if (choice == name) return value;
    known += concat(known.empty() ? "" : " or ", choice);
  }
  throw InvalidArgument(concat("[", function, "] ", what, " must be ", known, ", got: ", name));
}

}  // namespace

int32_t narrowed(int64_t value, const char* function, const char* name, int64_t low, int64_t high) {
  TESSERA_CHECK(low <= value && value <= high, "[", function, "] ", name, " must be in [", low,
                ", ", high, "], got: ", value);
  return static_cast<int32_t>(value);
}

attention::TensorView view_of_input(const at::Tensor& tensor, std::string_view name,
                                    const char* function) {
  return view_of_tensor<attention::TensorView>(tensor, name, function);
}

attention::MutableTensorView view_of_output(const at::Tensor& tensor, std::string_view name,
                                            const char* function) {
  return view_of_tensor<attention::MutableTensorView>(tensor, name, function);
}

void refuse_gradient(const at::Tensor& tensor, std::string_view name, const char* function) {
  TESSERA_CHECK(!(tensor.requires_grad() && at::GradMode::is_enabled()), "[", function, "] ", name,
                " requires a gradient, and ", function, " has none");
}

attention::Direction direction_of(std::string_view first) {
  return named<attention::Direction>("begin_generation", first, "first",
                                     {{"ascending", attention::Direction::kAscending},
                                      {"descending", attention::Direction::kDescending}});
}

std::vector<attention::TokenRange> ranges_of(const OptionalTensor& rows, const char* name) {
  if (!rows) return {};
  TESSERA_CHECK(rows->is_cpu() && rows->scalar_type() == at::kLong && rows->dim() == 2 &&
                    (rows->size(1) == 2 || rows->size(1) == kRangeNumbers),
                "[attention_forward] ", name, " must be int64 [n, 2] or [n, ", kRangeNumbers,
                "] on the CPU, got: ", c10::toString(rows->scalar_type()), " ", rows->sizes());
  const at::Tensor dense = rows->contiguous();
  const int64_t* row = dense.const_data_ptr<int64_t>();
  std::vector<attention::TokenRange> ranges;
  for (int64_t i = 0; i < dense.size(0); ++i, row += dense.size(1)) {
    attention::TokenRange range{row[0], row[1]};
    if (dense.size(1) == kRangeNumbers) {
      range.q_begin = row[2];
      if (row[3] != -1) range.q_end = row[3];
      range.head = narrowed(row[4], "attention_forward", name, -1);
    }
    ranges.push_back(range);
  }
  return ranges;
}

OptionalTensor tensor_of(const std::vector<attention::TokenRange>& ranges) {
  if (ranges.empty()) return std::nullopt;
  at::Tensor rows = at::empty({static_cast<int64_t>(ranges.size()), kRangeNumbers}, at::kLong);
  int64_t* to = rows.mutable_data_ptr<int64_t>();
  for (const auto& range : ranges) {
    const int64_t q_end = range.q_end == attention::kLastToken ? -1 : range.q_end;
    for (const int64_t number :
         {range.begin, range.end, range.q_begin, q_end, int64_t{range.head}}) {
      *to++ = number;
    }
  }
  return rows;
}

std::vector<int64_t> lengths_of(const OptionalTensor& lengths, int64_t batch) {
  if (!lengths) return {};
  TESSERA_CHECK(
      lengths->scalar_type() == at::kLong && lengths->dim() == 1 && lengths->size(0) == batch,
      "[attention_forward] kv_lengths must be int64 [", batch,
      "], got: ", c10::toString(lengths->scalar_type()), " ", lengths->sizes());
  const at::Tensor host = lengths->to(at::kCPU).contiguous();
  const int64_t* data = host.const_data_ptr<int64_t>();
  return {data, data + batch};
}

float* float_data(const OptionalTensor& tensor, const char* name, at::IntArrayRef shape) {
  if (!tensor) return nullptr;
  TESSERA_CHECK(tensor->is_cpu() && tensor->is_contiguous() &&
                    tensor->scalar_type() == at::kFloat && tensor->sizes() == shape,
                "[attention_forward] ", name, " must be contiguous float32 ", shape,
                " on the CPU, got: ", c10::toString(tensor->scalar_type()), " ", tensor->sizes());
  return tensor->mutable_data_ptr<float>();
}

attention::SkipPolicy policy_of(const PolicyArguments& arguments) {
  using attention::BudgetGrowth, attention::DirectionMode, attention::MassEstimate;
  const auto direction = arguments.alternates ? DirectionMode::kAlternating : DirectionMode::kFixed;
  constexpr const char* kFunction = "attention_forward";
  if (named<bool>(kFunction, arguments.policy, "policy", {{"mass", true}, {"max_gap", false}})) {
    return attention::MassPolicy{
        .budget = arguments.level.value_or(attention::kDefaultMassBudget),
        .growth = named<BudgetGrowth>(
            kFunction, arguments.growth, "growth",
            {{"linear", BudgetGrowth::kLinear}, {"constant", BudgetGrowth::kConstant}}),
        .budgets = table_of(arguments.levels),
        .estimate = named<MassEstimate>(
            kFunction, arguments.estimate, "estimate",
            {{"row_maximum", MassEstimate::kRowMaximum}, {"row_mean", MassEstimate::kRowMean}}),
        .probe_period = narrowed(arguments.probe_period, kFunction, "probe_period", 0),
        .probe_seed = static_cast<uint64_t>(arguments.probe_seed),
        .direction = direction};
  }
  TESSERA_CHECK(arguments.probe_period == 0,
                "[attention_forward] the policy max_gap has no probes (they harm it), got "
                "probe_period: ",
                arguments.probe_period);
  return attention::MaxGapPolicy{
      .threshold = static_cast<float>(arguments.level.value_or(attention::kDefaultMaxGapThreshold)),
      .thresholds = table_of(arguments.levels),
      .direction = direction};
}

PolicyArguments arguments_of(const attention::SkipPolicy& policy) {
  using attention::BudgetGrowth, attention::DirectionMode, attention::MassEstimate;
  if (const auto* gap = std::get_if<attention::MaxGapPolicy>(&policy)) {
    return {.policy = "max_gap",
            .level = gap->threshold,
            .levels = tensor_of(gap->thresholds),
            .alternates = gap->direction == DirectionMode::kAlternating};
  }
  const auto& mass = std::get<attention::MassPolicy>(policy);
  return {.growth = mass.growth == BudgetGrowth::kLinear ? "linear" : "constant",
          .estimate = mass.estimate == MassEstimate::kRowMean ? "row_mean" : "row_maximum",
          .level = mass.budget,
          .levels = tensor_of(mass.budgets),
          .probe_period = mass.probe_period,
          .probe_seed = static_cast<int64_t>(mass.probe_seed),
          .alternates = mass.direction == DirectionMode::kAlternating};
}

}  // namespace tessera::torch_ops
