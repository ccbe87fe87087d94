#include "tessera/torch_ops/budget_control.h"

#include <algorithm>

#include <torch/custom_class.h>

#include "tessera/attention/control.h"
#include "tessera/core/error.h"
#include "tessera/torch_ops/arguments.h"
#include "tessera/torch_ops/statistics.h"

namespace tessera::torch_ops {
namespace {

using attention::BudgetControl, attention::ControlGoal, attention::MassPolicy;

MassPolicy mass_policy(double budget, const std::string& growth, int64_t probe_period) {
  return std::get<MassPolicy>(
      policy_of({.growth = growth, .level = budget, .probe_period = probe_period}));
}

ControlGoal goal_of(const std::string& name) {
  TESSERA_CHECK(name == "sparsity" || name == "recall",
                "[BudgetControl] goal must be sparsity or recall, got: ", name);
  return name == "recall" ? ControlGoal::kRecall : ControlGoal::kSparsity;
}

class BudgetControlClass : public torch::CustomClassHolder {
 public:
  BudgetControlClass(const std::string& goal, double target, double budget,
                     const std::string& growth, int64_t probe_period, int64_t total_steps,
                     int64_t last_lite_step)
      : policy_(mass_policy(budget, growth, probe_period)),
        total_steps_(total_steps),
        control_({.goal = goal_of(goal), .value = target}, policy_, total_steps, last_lite_step) {}

  double level(int64_t step) const {
    return control_.scaled(attention::mass_budget(policy_, step, total_steps_, 0));
  }

  void observe(const at::Tensor& counters, const at::Tensor& masses, bool is_dense) {
    control_.observe({.tiles = counts_of(counters), .mass = mass_of(masses), .is_dense = is_dense});
  }

 private:
  MassPolicy policy_;
  int64_t total_steps_;
  BudgetControl control_;
};

}  // namespace

void register_budget_control(torch::Library& library) {
  library.class_<BudgetControlClass>("BudgetControl")
      .def(torch::init<std::string, double, double, std::string, int64_t, int64_t, int64_t>())
      .def("level", &BudgetControlClass::level)
      .def("observe", &BudgetControlClass::observe);
}

}  // namespace tessera::torch_ops
