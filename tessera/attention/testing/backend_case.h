// One test per back end and per instruction set compiled into it.
#pragma once

#include <algorithm>
#include <string>

#include <gtest/gtest.h>

#include "tessera/attention/attention.h"
#include "tessera/attention/testing/backend_list.h"

namespace tessera::attention::testing {

/// A test with GetParam() as the back end that its calls run on, through options().
class PerBackend : public ::testing::TestWithParam<BackendCase> {
 protected:
  RunOptions options(Executor* executor = nullptr) const {
    return {.executor = executor, .backend = GetParam().backend};
  }

 private:
  ForcedCase forced_{GetParam()};
};

inline std::string case_name(const ::testing::TestParamInfo<BackendCase>& info) {
  std::string name = info.param.full_name;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

#define TESSERA_PER_BACKEND(suite)                                                              \
  INSTANTIATE_TEST_SUITE_P(All, suite,                                                          \
                           ::testing::ValuesIn(::tessera::attention::testing::backend_cases()), \
                           ::tessera::attention::testing::case_name)

}  // namespace tessera::attention::testing
