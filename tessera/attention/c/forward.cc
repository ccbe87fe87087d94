#include <optional>
#include <string>
#include <vector>

#include "tessera/attention/attention.h"
#include "tessera/attention/c/arrays.h"
#include "tessera/attention/c/policies.h"
#include "tessera/attention/c/state.h"

namespace {

using namespace tessera::attention;
using c::check_set;
using c::check_struct;
using c::enum_of;

constexpr const char* kName = "tessera_attention_forward";

static_assert(TESSERA_DENSE_STEP == static_cast<int32_t>(StepKind::kDense));
static_assert(TESSERA_ALL_HEADS == kAllHeads && TESSERA_LAST_TOKEN == kLastToken);

AttentionProblem problem_of(const tessera_problem& given) {
  AttentionProblem problem{.q = c::view_of(given.q, kName, "problem->q.dtype"),
                           .k = c::view_of(given.k, kName, "problem->k.dtype"),
                           .v = c::view_of(given.v, kName, "problem->v.dtype")};
  if (given.kv_lengths != nullptr) {
    TESSERA_CHECK(given.q.shape[0] >= 1, "[", kName,
                  "] problem->q must have a batch of at least 1, got: ", given.q.shape[0]);
    problem.kv_lengths = {given.kv_lengths, static_cast<size_t>(given.q.shape[0])};
  }
  if (given.scale != 0) problem.scale = given.scale;
  return problem;
}

SkipPolicy policy_of(const tessera_skip& given) {
  TESSERA_CHECK(given.max_gap == nullptr || given.mass == nullptr, "[", kName,
                "] skip must set max_gap or mass, got: both");
  if (given.max_gap == nullptr) return c::mass_policy_of(given.mass, kName, "skip->mass");
  return c::max_gap_policy_of(given.max_gap, kName, "skip->max_gap");
}

std::vector<TokenRange> ranges_of(const tessera_token_range* ranges, int64_t count,
                                  const char* name) {
  TESSERA_CHECK(count >= 0, "[", kName, "] ", name, "_count must be >= 0, got: ", count);
  if (count > 0) check_set(ranges, kName, name);
  std::vector<TokenRange> made;
  for (int64_t i = 0; i < count; ++i) {
    const tessera_token_range& range = ranges[i];
    made.push_back({range.begin, range.end, range.q_begin, range.q_end, range.head});
  }
  return made;
}

/// A SkipRequest with the memory that it looks at.
struct Skip {
  std::vector<TokenRange> must_keep, must_skip;
  SkipStateView view = {};
  SkipRequest request = {};

  explicit Skip(const tessera_skip& given)
      : must_keep(ranges_of(given.must_keep, given.must_keep_count, "skip->must_keep")),
        must_skip(ranges_of(given.must_skip, given.must_skip_count, "skip->must_skip")) {
    if (given.state != nullptr) {
      view = given.state->state.view();
      request.state = &view;
    }
    request.step = enum_of<StepKind>(given.step_kind, 2, kName, "skip->step_kind");
    request.policy = policy_of(given);
    request.token_order = given.token_order;
    if (given.generation != TESSERA_ANY) request.generation = given.generation;
    if (given.stream != TESSERA_ANY) request.stream = given.stream;
    request.must_keep = must_keep;
    request.must_skip = must_skip;
    request.carried = {given.carried_row_max, given.carried_lse};
  }
  Skip(const Skip&) = delete;
  Skip& operator=(const Skip&) = delete;
};

tessera_tile_counts counts_of(const TileCounts& counts) {
  return {counts.total,  counts.visited,  counts.dropped,
          counts.probed, counts.returned, counts.loaded};
}
tessera_lost_mass mass_of(const LostMass& mass) {
  return {mass.dropped, mass.spent, mass.lost, mass.rows};
}

void check_report(const tessera_report* report, const AttentionProblem& problem) {
  if (report == nullptr) return;
  check_struct(report, kName, "report");
  if (report->heads == nullptr && report->masses == nullptr) return;
  const int64_t heads = problem.q.shape[0] * problem.q.shape[2];
  TESSERA_CHECK(report->capacity >= heads, "[", kName,
                "] report->capacity must be at least batch * heads (", heads,
                "), got: ", report->capacity);
}

void fill_report(const AttentionReport& found, tessera_report* report) {
  if (report == nullptr) return;
  const size_t length = found.backend.copy(report->backend, sizeof(report->backend) - 1);
  report->backend[length] = '\0';
  report->sum = counts_of(found.sum());
  report->sum_of_masses = mass_of(found.sum_of_masses());
  for (size_t i = 0; i < found.heads.size(); ++i) {
    if (report->heads != nullptr) report->heads[i] = counts_of(found.heads[i]);
    if (report->masses != nullptr) report->masses[i] = mass_of(found.masses[i]);
  }
}

}  // namespace

tessera_status tessera_attention_forward(const tessera_problem* problem,
                                         const tessera_outputs* outputs, const tessera_skip* skip,
                                         const tessera_run* run, tessera_report* report) {
  return c::guarded([&] {
    check_struct(problem, kName, "problem");
    check_struct(outputs, kName, "outputs");
    const Skip what(c::struct_or<tessera_skip>(skip, TESSERA_SKIP_INIT, kName, "skip"));
    const auto how = c::struct_or<tessera_run>(run, TESSERA_RUN_INIT, kName, "run");
    TESSERA_CHECK(how.stream == nullptr, "[", kName,
                  "] run->stream must be NULL for back ends on the CPU, got: a stream");
    RunOptions options{.backend = how.backend == nullptr ? "" : how.backend};
    std::optional<c::CallbackExecutor> threads;
    if (how.executor != nullptr) {
      check_struct(how.executor, kName, "run->executor");
      options.executor = &threads.emplace(*how.executor, kName);
    }
    const AttentionProblem question = problem_of(*problem);
    check_report(report, question);
    const AttentionOutputs answer{.out = c::view_of(outputs->out, kName, "outputs->out.dtype"),
                                  .lse = outputs->lse,
                                  .row_max = outputs->row_max,
                                  .tile_mass = outputs->tile_mass};
    fill_report(attention_forward(question, answer, what.request, options), report);
  });
}
