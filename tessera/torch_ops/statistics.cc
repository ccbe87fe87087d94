#include "tessera/torch_ops/statistics.h"

#include <ATen/ops/empty.h>

#include "tessera/core/error.h"

namespace tessera::torch_ops {
namespace {

void check_numbers(const at::Tensor& tensor, const char* name, at::ScalarType dtype,
                   int64_t numbers) {
  TESSERA_CHECK(tensor.is_cpu() && tensor.scalar_type() == dtype && tensor.dim() >= 1 &&
                    tensor.size(-1) == numbers && tensor.is_contiguous(),
                "[statistics] ", name, " must be contiguous ", c10::toString(dtype), " [..., ",
                numbers, "] on the CPU, got: ", c10::toString(tensor.scalar_type()), " ",
                tensor.sizes());
}

}  // namespace

at::Tensor counters_of(const attention::AttentionReport& report) {
  at::Tensor counters = at::empty({report.batch, report.num_heads, kCounters}, at::kLong);
  int64_t* data = counters.mutable_data_ptr<int64_t>();
  for (const auto& head : report.heads) {
    for (const int64_t count :
         {head.total, head.visited, head.dropped, head.probed, head.returned, head.loaded}) {
      *data++ = count;
    }
  }
  return counters;
}

at::Tensor masses_of(const attention::AttentionReport& report) {
  at::Tensor masses = at::empty({report.batch, report.num_heads, kMasses}, at::kDouble);
  double* data = masses.mutable_data_ptr<double>();
  for (const auto& mass : report.masses) {
    for (const double value :
         {mass.dropped, mass.spent, mass.lost, static_cast<double>(mass.rows)}) {
      *data++ = value;
    }
  }
  return masses;
}

attention::TileCounts counts_of(const at::Tensor& counters) {
  check_numbers(counters, "counters", at::kLong, kCounters);
  attention::TileCounts sum;
  const int64_t* count = counters.const_data_ptr<int64_t>();
  for (int64_t i = 0; i < counters.numel(); i += kCounters, count += kCounters) {
    sum += attention::TileCounts{.total = count[0],
                                 .visited = count[1],
                                 .dropped = count[2],
                                 .probed = count[3],
                                 .returned = count[4],
                                 .loaded = count[5]};
  }
  return sum;
}

attention::LostMass mass_of(const at::Tensor& masses) {
  check_numbers(masses, "masses", at::kDouble, kMasses);
  attention::LostMass sum;
  const double* mass = masses.const_data_ptr<double>();
  for (int64_t i = 0; i < masses.numel(); i += kMasses, mass += kMasses) {
    sum += attention::LostMass{.dropped = mass[0],
                               .spent = mass[1],
                               .lost = mass[2],
                               .rows = static_cast<int64_t>(mass[3])};
  }
  return sum;
}

}  // namespace tessera::torch_ops
