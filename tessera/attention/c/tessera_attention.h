/* Tile-skipping attention from C: the abilities of the C++ API in tessera/attention, and the only
 * interface with a stable ABI.
 *
 *   tessera_skip_state_shape shape = TESSERA_SKIP_STATE_SHAPE_INIT;
 *   shape.batch = 1; shape.num_heads = 12; shape.q_len = shape.kv_len = n;
 *   tessera_skip_state* state;
 *   if (tessera_skip_state_create(&shape, &state) != TESSERA_OK) puts(tessera_last_error());
 *   tessera_skip_state_begin(state, total_steps, TESSERA_ASCENDING);
 *   skip.state = state;
 *   for (each step) tessera_attention_forward(&problem, &outputs, &skip, NULL, NULL);
 *   tessera_skip_state_destroy(state);
 *
 * Rules for all functions. A function that can fail returns a status; the text of the calling
 * thread's last failure is tessera_last_error(). A call that fails for its arguments writes
 * nothing. Structs passed by pointer begin with struct_size, set by their TESSERA_..._INIT; they
 * may grow at their end, and a size that this library does not know is refused. Structs inside of
 * structs and arrays (tensors, ranges, parts, counts) never change. Different states may be used
 * from different threads at once; one state by one thread at a time. No C++ exception leaves the
 * library.
 *
 * Sections: status, arrays, state, policies, call, merging, control, calibration, token orders,
 * how structs begin.
 *
 * What a member means in full, with shapes and units, is said in the C++ header named beside it.
 */
#ifndef TESSERA_ATTENTION_H_
#define TESSERA_ATTENTION_H_

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TESSERA_API __attribute__((visibility("default")))

/* ---- Status ---------------------------------------------------------------------------------- */

typedef int32_t tessera_status;
enum {
  TESSERA_OK = 0,
  TESSERA_INVALID_ARGUMENT = 1, /* the caller broke a rule that the header states */
  TESSERA_UNSUPPORTED = 2, /* legal, but not built or not on this machine; the text says what is */
  TESSERA_IO_ERROR = 3,    /* a file; the text begins with its path */
  TESSERA_OUT_OF_MEMORY = 4,
  TESSERA_INTERNAL_ERROR = 5 /* a fault of the library, or an exception out of a callback */
};

/* "[function] rule, got: value" of this thread's last call that failed; "" before any did. Valid
 * until this thread's next call. */
TESSERA_API const char* tessera_last_error(void);

TESSERA_API const char* tessera_version(void); /* "major.minor.patch" */

/* Names that tessera_run.backend accepts on this machine, best first; NULL past the last. */
TESSERA_API const char* tessera_backend_name(int64_t index);

/* ---- Arrays (tensor_view.h, token_ranges.h, level_table.h) ----------------------------------- */

enum { TESSERA_FLOAT32 = 0, TESSERA_FLOAT16 = 1, TESSERA_BFLOAT16 = 2 };

/* Four dimensions. Strides count elements; the last must be 1, others may be 0 in inputs. */
typedef struct tessera_tensor {
  const void* data;
  int64_t shape[4];
  int64_t strides[4];
  int32_t dtype;
} tessera_tensor;

typedef struct tessera_mutable_tensor {
  void* data;
  int64_t shape[4];
  int64_t strides[4];
  int32_t dtype;
} tessera_mutable_tensor;

#define TESSERA_ALL_HEADS (-1)
#define TESSERA_LAST_TOKEN INT64_MAX

/* Keys [begin, end) for the queries [q_begin, q_end) of one query head. */
typedef struct tessera_token_range {
  int64_t begin, end;
  int64_t q_begin, q_end; /* 0, TESSERA_LAST_TOKEN: all */
  int32_t head;           /* or TESSERA_ALL_HEADS */
} tessera_token_range;

/* Levels by step and head, row-major; a size of 1 holds for all; values NULL: no table. */
typedef struct tessera_level_table {
  const float* values;
  int64_t steps, heads;
} tessera_level_table;

/* ---- The state (skip_state.h) ---------------------------------------------------------------- */

typedef struct tessera_skip_state tessera_skip_state;

typedef struct tessera_skip_state_shape {
  size_t struct_size;
  int64_t batch, num_heads; /* query heads */
  int64_t q_len, kv_len;    /* tokens */
  int32_t q_tile, kv_tile;  /* tokens; 0: what suits this library's CPU back ends */
  int32_t q_group;          /* rows of tiles that share one load of keys */
  int32_t token_order;      /* the caller's number for the order of the tokens, >= 0 */
  int32_t streams;          /* 1, or 2 that share the marks */
  int32_t has_lse;          /* not 0: keep each row's log-sum-exp; TESSERA_ROW_MEAN needs it */
} tessera_skip_state_shape;

enum { TESSERA_ASCENDING = 0, TESSERA_DESCENDING = 1 };

/* Places in the header. */
enum {
  TESSERA_FIELD_VERSION = 0,
  TESSERA_FIELD_Q_TILE = 1,
  TESSERA_FIELD_KV_TILE = 2,
  TESSERA_FIELD_TOKEN_ORDER = 3,
  TESSERA_FIELD_GENERATION = 4,
  TESSERA_FIELD_STEP = 5,
  TESSERA_FIELD_DIRECTION = 6,
  TESSERA_FIELD_TOTAL_STEPS = 7,
  TESSERA_FIELD_Q_LEN = 8,
  TESSERA_FIELD_KV_LEN = 9,
  TESSERA_FIELD_STREAMS = 10,
  TESSERA_FIELD_STREAM = 11,
  TESSERA_FIELD_Q_GROUP = 12
};

/* The state's own memory, contiguous; valid until it is destroyed. Whoever writes keeps the
 * invariants of docs/attention/state.md; tessera_skip_state_check looks. */
typedef struct tessera_skip_state_arrays {
  size_t struct_size;
  int32_t* bits; /* lowest bit first, tail bits zero */
  int64_t bits_shape[4];
  float* spent;
  int64_t spent_shape[3];
  int32_t* header; /* by TESSERA_FIELD_... */
  int64_t header_size;
  float* lse; /* NULL without has_lse */
  int64_t lse_shape[4];
  uint8_t* pending; /* NULL with one stream */
  int64_t pending_shape[4];
} tessera_skip_state_arrays;

/* On success *state is the caller's, to be destroyed; on failure it is NULL. */
TESSERA_API tessera_status tessera_skip_state_create(const tessera_skip_state_shape* shape,
                                                     tessera_skip_state** state);
TESSERA_API tessera_status tessera_skip_state_load(const char* path, tessera_skip_state** state);
TESSERA_API void tessera_skip_state_destroy(tessera_skip_state* state); /* NULL is fine */

/* Before the first step of every generation: all tiles kept, step 0. */
TESSERA_API tessera_status tessera_skip_state_begin(tessera_skip_state* state, int32_t total_steps,
                                                    int32_t direction);

/* A safetensors file, written in one step. */
TESSERA_API tessera_status tessera_skip_state_save(const tessera_skip_state* state,
                                                   const char* path);

TESSERA_API tessera_status tessera_skip_state_get_shape(const tessera_skip_state* state,
                                                        tessera_skip_state_shape* shape);
TESSERA_API tessera_status tessera_skip_state_get_field(const tessera_skip_state* state,
                                                        int32_t field, int32_t* value);
TESSERA_API tessera_status tessera_skip_state_get_arrays(tessera_skip_state* state,
                                                         tessera_skip_state_arrays* arrays);
TESSERA_API tessera_status tessera_skip_state_kept_tiles(const tessera_skip_state* state,
                                                         int64_t* count);
/* TESSERA_INVALID_ARGUMENT unless every documented invariant holds. */
TESSERA_API tessera_status tessera_skip_state_check(const tessera_skip_state* state);

/* ---- Policies (max_gap.h, mass.h) ------------------------------------------------------------ */

enum { TESSERA_FIXED_DIRECTION = 0, TESSERA_ALTERNATING_DIRECTION = 1 };

typedef struct tessera_max_gap {
  size_t struct_size;
  float threshold; /* natural-log units, < 0 */
  int32_t direction_mode;
  tessera_level_table thresholds; /* instead, by step and head */
} tessera_max_gap;

enum { TESSERA_ROW_MAXIMUM = 0, TESSERA_ROW_MEAN = 1 };
enum { TESSERA_CONSTANT_BUDGET = 0, TESSERA_LINEAR_BUDGET = 1 };

typedef struct tessera_mass {
  size_t struct_size;
  double budget; /* share of a row's softmax mass, mean over the steps, in [0, 0.5) */
  int32_t growth;
  int32_t estimate;
  int32_t probe_period; /* 0: dropped tiles never return */
  int32_t direction_mode;
  tessera_level_table budgets; /* instead, by step and head */
  uint64_t probe_seed;         /* one for each layer, stream and film, as MassPolicy says */
} tessera_mass;

/* ---- The call (attention.h) ------------------------------------------------------------------ */

/* q [B, Lq, Hq, D]; k, v [B, Lk, Hkv, D]; one dtype. */
typedef struct tessera_problem {
  size_t struct_size;
  tessera_tensor q, k, v;
  const int64_t* kv_lengths; /* [B], keys in use; NULL: all */
  double scale;              /* multiplies q k^T; 0: 1 / sqrt(D) */
} tessera_problem;

typedef struct tessera_outputs {
  size_t struct_size;
  tessera_mutable_tensor out; /* [B, Lq, Hq, D] */
  float* lse;                 /* [B, Hq, Lq] or NULL */
  float* row_max;             /* [B, Hq, Lq] or NULL */
  float* tile_mass;           /* [B, Hq, Tq, Tk] or NULL; mass only */
} tessera_outputs;

enum { TESSERA_SKIP_STEP = 0, TESSERA_DENSE_STEP = 1 };
#define TESSERA_ANY (-1)

typedef struct tessera_skip {
  size_t struct_size;
  tessera_skip_state* state; /* NULL: every tile, nothing remembered */
  int32_t step_kind;
  int32_t token_order;            /* must be the state's */
  int32_t generation;             /* must be the state's, or TESSERA_ANY */
  int32_t stream;                 /* must be the one whose turn it is, or TESSERA_ANY */
  const tessera_max_gap* max_gap; /* set one policy; both NULL: mass with its defaults */
  const tessera_mass* mass;
  const tessera_token_range* must_keep; /* [must_keep_count] */
  int64_t must_keep_count;
  const tessera_token_range* must_skip; /* [must_skip_count] */
  int64_t must_skip_count;
  const float* carried_row_max; /* [B, Hq, Lq] or NULL: what earlier shards of the keys found */
  const float* carried_lse;     /* [B, Hq, Lq] or NULL */
} tessera_skip;

/* The caller's threads. parallel_for calls task(task_data, index, thread) once for each index in
 * [0, count), from any threads, thread in [0, num_threads) and never two at once with the same one,
 * and returns when all are done. If it does not, the call fails; outputs and marks are then
 * unspecified, and the state must begin a new generation. */
typedef void (*tessera_task)(void* task_data, int64_t index, int32_t thread);
typedef struct tessera_executor {
  size_t struct_size;
  int32_t num_threads;
  void (*parallel_for)(void* context, int64_t count, tessera_task task, void* task_data);
  void* context; /* handed through */
} tessera_executor;

typedef struct tessera_run {
  size_t struct_size;
  const tessera_executor* executor; /* NULL: the calling thread */
  const char* backend; /* NULL: TESSERA_ATTENTION_BACKEND, then the best that can run */
  void* stream;        /* for back ends on a GPU, of which there are none yet: NULL */
} tessera_run;

/* As TileCounts and LostMass. */
typedef struct tessera_tile_counts {
  int64_t total, visited, dropped, probed, returned, loaded;
} tessera_tile_counts;

typedef struct tessera_lost_mass {
  double dropped, spent, lost;
  int64_t rows;
} tessera_lost_mass;

typedef struct tessera_report {
  size_t struct_size;
  tessera_tile_counts* heads; /* set by the caller: [B, Hq] to be filled, or NULL */
  tessera_lost_mass* masses;  /* the same */
  int64_t capacity;           /* of either, in elements, at least B * Hq */
  char backend[32];           /* filled: the one that ran, "cpu/AVX3" */
  tessera_tile_counts sum;    /* filled: over all heads */
  tessera_lost_mass sum_of_masses;
} tessera_report;

/* Attention over the kept tiles; drops tiles from the state and advances its step.
 * skip NULL: every tile; run NULL: its defaults; report NULL: none. */
TESSERA_API tessera_status tessera_attention_forward(const tessera_problem* problem,
                                                     const tessera_outputs* outputs,
                                                     const tessera_skip* skip,
                                                     const tessera_run* run,
                                                     tessera_report* report);

/* ---- Merging (merge_partials.h) -------------------------------------------------------------- */

typedef struct tessera_partial {
  tessera_tensor out; /* [B, Lq, Hq, D] */
  const float* lse;   /* [B, Hq, Lq] */
} tessera_partial;

/* One answer from `count` over disjoint keys. `lse` [B, Hq, Lq] may be NULL, `executor` too. `out`
 * and `lse` may be one part's, in place. */
TESSERA_API tessera_status tessera_merge_partials(const tessera_partial* parts, int64_t count,
                                                  const tessera_mutable_tensor* out, float* lse,
                                                  const tessera_executor* executor);

/* ---- Control (control.h) --------------------------------------------------------------------- */

/* Holds a target over one film: made before each, one for all its layers, heads and streams. */
typedef struct tessera_budget_control tessera_budget_control;

enum { TESSERA_SPARSITY_GOAL = 0, TESSERA_RECALL_GOAL = 1 };

typedef struct tessera_control_target {
  size_t struct_size;
  int32_t goal;
  double value;           /* sparsity in (0, 0.95], or recall in [0.5, 1), which needs probes */
  int64_t total_steps;    /* below 2^31 */
  int64_t last_lite_step; /* the last step that may skip; -1: total_steps - 1 */
} tessera_control_target;

/* What one step did, summed over its calls. */
typedef struct tessera_step_sums {
  size_t struct_size;
  tessera_tile_counts tiles;
  tessera_lost_mass mass;
  int32_t is_dense; /* not 0: no call of the step could drop anything */
} tessera_step_sums;

/* `mass` NULL: its defaults. Its table is not looked at: multiply tables by the scale. On success
 * *control is the caller's, to be destroyed; on failure it is NULL. */
TESSERA_API tessera_status tessera_budget_control_create(const tessera_control_target* target,
                                                         const tessera_mass* mass,
                                                         tessera_budget_control** control);
TESSERA_API void tessera_budget_control_destroy(tessera_budget_control* control);

/* What budgets are multiplied by in the next step, to be cut at TESSERA_MAX_BUDGET. */
#define TESSERA_MAX_BUDGET 0.9
TESSERA_API tessera_status tessera_budget_control_scale(const tessera_budget_control* control,
                                                        double* scale);
/* The budget of `mass` in a step times the scale, cut: a table of one value for its calls. */
TESSERA_API tessera_status tessera_budget_control_level(const tessera_budget_control* control,
                                                        int64_t step, float* level);

/* Adds one call's report; the sums begin as their INIT in each step. */
TESSERA_API tessera_status tessera_step_sums_add(tessera_step_sums* sums,
                                                 const tessera_report* report);
/* The step is over. Steps come in order. */
TESSERA_API tessera_status tessera_budget_control_observe(tessera_budget_control* control,
                                                          const tessera_step_sums* sums);

/* ---- Calibration (calibration.h) ------------------------------------------------------------- */

typedef struct tessera_calibration_recorder tessera_calibration_recorder;
typedef struct tessera_calibration tessera_calibration;

/* What a calibration is valid for; it is for the caller to refuse another. The texts are printable
 * ASCII; as answers they are valid until the calibration is destroyed. */
typedef struct tessera_calibration_key {
  size_t struct_size;
  const char* model; /* digest of the weights */
  int32_t q_tile, kv_tile;
  const char* token_order; /* tessera_token_order_name */
  int32_t estimate;
} tessera_calibration_key;

enum { TESSERA_CALIBRATION_KNOTS = 8 };

typedef struct tessera_calibration_info {
  size_t struct_size;
  int64_t layers, heads;
  double budget; /* mean over steps, layers and heads */
  double expected_sparsity;
  const float* factors; /* [TESSERA_CALIBRATION_KNOTS, layers, heads], the calibration's own */
} tessera_calibration_info;

/* layers and heads in [1, 1000]; total_steps below 2^31. */
TESSERA_API tessera_status tessera_calibration_recorder_create(
    int64_t layers, int64_t heads, int64_t total_steps, tessera_calibration_recorder** recorder);
TESSERA_API void tessera_calibration_recorder_destroy(tessera_calibration_recorder* recorder);

/* tessera_outputs.tile_mass of one dense call, [B, heads, Tq, Tk]; calls of a layer and stream in
 * the order of the steps. */
TESSERA_API tessera_status tessera_calibration_recorder_add(tessera_calibration_recorder* recorder,
                                                            int64_t layer, int64_t step,
                                                            const float* tile_mass,
                                                            const int64_t shape[4], int64_t stream);

/* Needs calls of every layer in every eighth of the run. */
TESSERA_API tessera_status tessera_calibration_recorder_solve(
    const tessera_calibration_recorder* recorder, double target_sparsity,
    const tessera_calibration_key* key, tessera_calibration** calibration);

TESSERA_API tessera_status tessera_calibration_load(const char* path,
                                                    tessera_calibration** calibration);
TESSERA_API void tessera_calibration_destroy(tessera_calibration* calibration);
TESSERA_API tessera_status tessera_calibration_save(const tessera_calibration* calibration,
                                                    const char* path);

TESSERA_API tessera_status tessera_calibration_get_key(const tessera_calibration* calibration,
                                                       tessera_calibration_key* key);
TESSERA_API tessera_status tessera_calibration_get_info(const tessera_calibration* calibration,
                                                        tessera_calibration_info* info);

/* Budget of one head in a call: an element of the call's table. `scale` >= 0: 1, or a control's. */
TESSERA_API tessera_status tessera_calibration_level(const tessera_calibration* calibration,
                                                     int64_t layer, int64_t head, int64_t step,
                                                     int64_t total_steps, double scale,
                                                     float* level);

/* ---- Token orders (token_order.h) ------------------------------------------------------------ */

enum { TESSERA_RASTER_ORDER = 0, TESSERA_HILBERT_ORDER = 1, TESSERA_BOX_ORDER = 2 };

typedef struct tessera_token_order_spec {
  size_t struct_size;
  int32_t kind;
  int64_t grid[3]; /* tokens along t, y, x; at most 2^26 together */
  int64_t box[3];  /* of TESSERA_BOX_ORDER alone */
} tessera_token_order_spec;

/* Both ways of the permutation, either NULL if not wanted: raster_index[position], and its inverse
 * position[raster_index]. `capacity`: elements of either, at least the grid's tokens. */
TESSERA_API tessera_status tessera_token_order_make(const tessera_token_order_spec* spec,
                                                    int32_t* raster_index, int32_t* position,
                                                    int64_t capacity);

/* The number for tessera_skip_state_shape.token_order and tessera_skip.token_order. */
TESSERA_API tessera_status tessera_token_order_id(const tessera_token_order_spec* spec,
                                                  int32_t* id);

/* "raster", "hilbert", "boxes"; NULL for another kind. And back. */
TESSERA_API const char* tessera_token_order_name(int32_t kind);
TESSERA_API tessera_status tessera_token_order_kind(const char* name, int32_t* kind);

/* ---- How structs begin: X x = TESSERA_X_INIT ------------------------------------------------- */

/* clang-format off */
#define TESSERA_NO_TENSOR {NULL, {0, 0, 0, 0}, {0, 0, 0, 0}, TESSERA_FLOAT32}
#define TESSERA_NO_TABLE {NULL, 1, 1}

#define TESSERA_SKIP_STATE_SHAPE_INIT \
  {sizeof(tessera_skip_state_shape), 0, 0, 0, 0, 0, 0, 1, 0, 1, 0}
#define TESSERA_SKIP_STATE_ARRAYS_INIT \
  {sizeof(tessera_skip_state_arrays), NULL, {0, 0, 0, 0}, NULL, {0, 0, 0}, NULL, 0, \
   NULL, {0, 0, 0, 0}, NULL, {0, 0, 0, 0}}
#define TESSERA_MAX_GAP_INIT \
  {sizeof(tessera_max_gap), -6.93f, TESSERA_ALTERNATING_DIRECTION, TESSERA_NO_TABLE}
#define TESSERA_MASS_INIT \
  {sizeof(tessera_mass), 0.05, TESSERA_LINEAR_BUDGET, TESSERA_ROW_MAXIMUM, 0, \
   TESSERA_ALTERNATING_DIRECTION, TESSERA_NO_TABLE, 0}
#define TESSERA_PROBLEM_INIT \
  {sizeof(tessera_problem), TESSERA_NO_TENSOR, TESSERA_NO_TENSOR, TESSERA_NO_TENSOR, NULL, 0.0}
#define TESSERA_OUTPUTS_INIT {sizeof(tessera_outputs), TESSERA_NO_TENSOR, NULL, NULL, NULL}
#define TESSERA_SKIP_INIT \
  {sizeof(tessera_skip), NULL, TESSERA_SKIP_STEP, 0, TESSERA_ANY, TESSERA_ANY, NULL, NULL, \
   NULL, 0, NULL, 0, NULL, NULL}
#define TESSERA_EXECUTOR_INIT {sizeof(tessera_executor), 1, NULL, NULL}
#define TESSERA_RUN_INIT {sizeof(tessera_run), NULL, NULL, NULL}
#define TESSERA_REPORT_INIT \
  {sizeof(tessera_report), NULL, NULL, 0, "", {0, 0, 0, 0, 0, 0}, {0, 0, 0, 0}}
#define TESSERA_CONTROL_TARGET_INIT \
  {sizeof(tessera_control_target), TESSERA_SPARSITY_GOAL, 0.0, 0, -1}
#define TESSERA_STEP_SUMS_INIT \
  {sizeof(tessera_step_sums), {0, 0, 0, 0, 0, 0}, {0, 0, 0, 0}, 0}
#define TESSERA_CALIBRATION_KEY_INIT \
  {sizeof(tessera_calibration_key), "", 0, 0, "", TESSERA_ROW_MAXIMUM}
#define TESSERA_CALIBRATION_INFO_INIT {sizeof(tessera_calibration_info), 0, 0, 0.0, 0.0, NULL}
#define TESSERA_TOKEN_ORDER_SPEC_INIT \
  {sizeof(tessera_token_order_spec), TESSERA_HILBERT_ORDER, {0, 0, 0}, {4, 4, 8}}
/* clang-format on */

#ifdef __cplusplus
} /* extern "C" */
#endif

#endif /* TESSERA_ATTENTION_H_ */
