// Counts and masses keep their meaning on the way into tensors and back.
#include "tessera/torch_ops/statistics.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "tessera/core/error.h"
#include "tessera/torch_ops/testing/problem_tensors.h"

namespace tessera::torch_ops::testing {
namespace {

attention::AttentionReport report_of_two_heads() {
  return {
      .backend = "cpu",
      .batch = 1,
      .num_heads = 2,
      .heads =
          {{.total = 60, .visited = 50, .dropped = 40, .probed = 30, .returned = 20, .loaded = 10},
           {.total = 6, .visited = 5, .dropped = 4, .probed = 3, .returned = 2, .loaded = 1}},
      .masses = {{.dropped = 0.25, .spent = 0.5, .lost = 0.125, .rows = 8},
                 {.dropped = 0.5, .spent = 0.25, .lost = 0.25, .rows = 24}}};
}

TEST(Statistics, CountsComeBackSummed) {
  const auto report = report_of_two_heads();
  const auto sum = counts_of(counters_of(report)), want = report.sum();
  EXPECT_EQ(sum.total, 66);
  EXPECT_EQ(sum.visited, want.visited);
  EXPECT_EQ(sum.dropped, want.dropped);
  EXPECT_EQ(sum.probed, want.probed);
  EXPECT_EQ(sum.returned, want.returned);
  EXPECT_EQ(sum.loaded, 11);
}

TEST(Statistics, MassesComeBackAsTheLibraryAddsThem) {
  const auto report = report_of_two_heads();
  const auto sum = mass_of(masses_of(report)), want = report.sum_of_masses();
  EXPECT_EQ(sum.dropped, want.dropped);
  EXPECT_EQ(sum.spent, want.spent);
  EXPECT_EQ(sum.lost, want.lost);
  EXPECT_EQ(sum.rows, 32);
}

TEST(Statistics, RefuseOtherTensors) {
  EXPECT_EQ(refusal<InvalidArgument>([] {
              counts_of(at::zeros({2, 5}, at::kLong));
            }),
            "[statistics] counters must be contiguous Long [..., 6] on the CPU, got: Long [2, 5]");
  EXPECT_EQ(refusal<InvalidArgument>([] {
              mass_of(at::zeros({2, 4}, at::kFloat));
            }),
            "[statistics] masses must be contiguous Double [..., 4] on the CPU, got: Float [2, 4]");
}

}  // namespace
}  // namespace tessera::torch_ops::testing
