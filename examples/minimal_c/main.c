/* A few denoising-like steps of one attention layer: the tokens drift a little from step to step,
 * and tiles that stopped to matter are left out, as many as a target for the whole film says. */
#include <stdio.h>
#include <stdlib.h>
#include <tessera/attention/c/tessera_attention.h>

enum { TOKENS = 1024, HEADS = 4, HEAD_DIM = 64, STEPS = 12, SIZE = TOKENS * HEADS * HEAD_DIM };

/* Tokens of 8 groups: a group's tokens look at each other, as neighbours in a film do. */
static float* make_tokens(unsigned seed, float group_strength) {
  float* tokens = malloc(SIZE * sizeof(float));
  if (tokens == NULL) abort();
  for (int i = 0; i < SIZE; ++i) {
    const int group = i / (HEADS * HEAD_DIM) * 8 / TOKENS;
    seed = seed * 1664525u + 1013904223u; /* noise in [-2, 2) */
    tokens[i] = (float)(seed >> 8) / (1 << 22) - 2 + (i % 8 == group ? group_strength : 0);
  }
  return tokens;
}

static tessera_tensor tensor_of(const float* data) {
  const tessera_tensor tensor = {
      data, {1, TOKENS, HEADS, HEAD_DIM}, {SIZE, HEADS * HEAD_DIM, HEAD_DIM, 1}, TESSERA_FLOAT32};
  return tensor;
}

static void check(tessera_status status) {
  if (status == TESSERA_OK) return;
  fprintf(stderr, "%s\n", tessera_last_error());
  exit(1);
}

int main(void) {
  float *q = make_tokens(1, 3.5f), *k = make_tokens(2, 3.5f), *v = make_tokens(3, 0);
  float* out = make_tokens(4, 0);
  tessera_problem problem = TESSERA_PROBLEM_INIT;
  problem.q = tensor_of(q);
  problem.k = tensor_of(k);
  problem.v = tensor_of(v);
  tessera_outputs outputs = TESSERA_OUTPUTS_INIT;
  const tessera_mutable_tensor out_tensor = {
      out, {1, TOKENS, HEADS, HEAD_DIM}, {SIZE, HEADS * HEAD_DIM, HEAD_DIM, 1}, TESSERA_FLOAT32};
  outputs.out = out_tensor;

  /* One state a layer and stream; begin before every film. */
  tessera_skip_state_shape shape = TESSERA_SKIP_STATE_SHAPE_INIT;
  shape.batch = 1;
  shape.num_heads = HEADS;
  shape.q_len = shape.kv_len = TOKENS;
  tessera_skip skip = TESSERA_SKIP_INIT;
  check(tessera_skip_state_create(&shape, &skip.state));
  check(tessera_skip_state_begin(skip.state, STEPS, TESSERA_ASCENDING));

  /* Leave out 40 % of all tiles of the film; each step's budget follows from the steps before. */
  tessera_control_target target = TESSERA_CONTROL_TARGET_INIT;
  target.value = 0.4;
  target.total_steps = STEPS;
  tessera_budget_control* control;
  check(tessera_budget_control_create(&target, NULL, &control));
  float budget;
  tessera_mass mass = TESSERA_MASS_INIT;
  mass.budgets.values = &budget;
  skip.mass = &mass;

  int64_t visited = 0, total = 0;
  for (int step = 0; step < STEPS; ++step) {
    check(tessera_budget_control_level(control, step, &budget));
    tessera_report report = TESSERA_REPORT_INIT;
    check(tessera_attention_forward(&problem, &outputs, &skip, NULL, &report));
    printf("step %d on %s: computed %ld of %ld tiles, skipped %.0f %%\n", step, report.backend,
           (long)report.sum.visited, (long)report.sum.total,
           100.0 - 100.0 * (double)report.sum.visited / (double)report.sum.total);
    tessera_step_sums sums = TESSERA_STEP_SUMS_INIT; /* of all layers: here there is one */
    check(tessera_step_sums_add(&sums, &report));
    check(tessera_budget_control_observe(control, &sums));
    visited += sums.tiles.visited;
    total += sums.tiles.total;
    for (int i = 0; i < SIZE; ++i) q[i] += 0.01f * out[i]; /* what a model would do */
  }
  printf("left out %.0f %% of the film's tiles, wanted: %.0f %%\n",
         100.0 - 100.0 * (double)visited / (double)total, 100.0 * target.value);
  tessera_budget_control_destroy(control);
  tessera_skip_state_destroy(skip.state);
  free(q), free(k), free(v), free(out);
  return 0;
}
