// Calls through the C interface, with the memory that they look at.
#pragma once

#include <algorithm>
#include <array>
#include <vector>

#include <gtest/gtest.h>

#include "tessera/attention/c/tessera_attention.h"
#include "tessera/attention/testing/problem.h"

namespace tessera::attention::testing {

inline int32_t c_dtype(DType dtype) {
  if (dtype == DType::kFloat32) return TESSERA_FLOAT32;
  return dtype == DType::kFloat16 ? TESSERA_FLOAT16 : TESSERA_BFLOAT16;
}

template <typename Tensor, typename View>
Tensor c_tensor(const View& view) {
  Tensor tensor = TESSERA_NO_TENSOR;
  tensor.data = view.data;
  tensor.dtype = c_dtype(view.dtype);
  std::copy(view.shape.begin(), view.shape.end(), tensor.shape);
  std::copy(view.strides.begin(), view.strides.end(), tensor.strides);
  return tensor;
}

/// The outputs of one call, and the structs around them.
struct CCall {
  tessera_problem problem = TESSERA_PROBLEM_INIT;
  tessera_outputs outputs = TESSERA_OUTPUTS_INIT;
  tessera_skip skip = TESSERA_SKIP_INIT;
  tessera_run run = TESSERA_RUN_INIT;
  tessera_report report = TESSERA_REPORT_INIT;
  std::vector<float> out, lse, row_max;
  std::vector<tessera_tile_counts> heads;
  std::vector<tessera_lost_mass> masses;

  explicit CCall(const Problem& from) {
    const auto& spec = from.spec;
    const AttentionProblem view = from.view();
    problem.q = c_tensor<tessera_tensor>(view.q);
    problem.k = c_tensor<tessera_tensor>(view.k);
    problem.v = c_tensor<tessera_tensor>(view.v);
    problem.kv_lengths = spec.kv_lengths.empty() ? nullptr : spec.kv_lengths.data();
    problem.scale = spec.scale.value_or(0);
    out.resize(spec.batch * spec.q_len * spec.num_heads * spec.head_dim, -777.0f);
    lse.resize(spec.batch * spec.num_heads * spec.q_len, -777.0f);
    row_max = lse;
    const std::array<int64_t, 4> shape = {spec.batch, spec.q_len, spec.num_heads, spec.head_dim};
    outputs.out = c_tensor<tessera_mutable_tensor>(
        MutableTensorView{out.data(), DType::kFloat32, shape, contiguous_strides(shape)});
    outputs.lse = lse.data();
    heads.resize(spec.batch * spec.num_heads);
    masses.resize(heads.size());
    report.heads = heads.data();
    report.masses = masses.data();
    report.capacity = static_cast<int64_t>(heads.size());
    run.backend = "reference";
  }

  explicit CCall(const Problem&&) = delete;  // it only looks at the problem's arrays

  tessera_status operator()() {
    return tessera_attention_forward(&problem, &outputs, &skip, &run, &report);
  }
};

/// A C state with 16 x 16 tiles, destroyed at the end.
class CState {
 public:
  CState(const ProblemSpec& spec, int32_t steps, int32_t streams = 1, bool has_lse = false) {
    tessera_skip_state_shape shape = TESSERA_SKIP_STATE_SHAPE_INIT;
    shape.batch = spec.batch;
    shape.num_heads = spec.num_heads;
    shape.q_len = spec.q_len;
    shape.kv_len = spec.kv_len;
    shape.q_tile = shape.kv_tile = 16;
    shape.streams = streams;
    shape.has_lse = has_lse;
    EXPECT_EQ(tessera_skip_state_create(&shape, &state_), TESSERA_OK) << tessera_last_error();
    EXPECT_EQ(tessera_skip_state_begin(state_, steps, TESSERA_ASCENDING), TESSERA_OK);
  }
  ~CState() { tessera_skip_state_destroy(state_); }
  CState(const CState&) = delete;
  CState& operator=(const CState&) = delete;
  operator tessera_skip_state*() const { return state_; }

  tessera_skip_state_arrays arrays() const {
    tessera_skip_state_arrays arrays = TESSERA_SKIP_STATE_ARRAYS_INIT;
    EXPECT_EQ(tessera_skip_state_get_arrays(state_, &arrays), TESSERA_OK);
    return arrays;
  }

 private:
  tessera_skip_state* state_ = nullptr;
};

}  // namespace tessera::attention::testing
