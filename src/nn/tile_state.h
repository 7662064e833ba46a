/** What the files of the tile plan share. Private to tile_plan.c and tile_run.c. */
#ifndef MGM_NN_TILE_STATE_H
#define MGM_NN_TILE_STATE_H

#include "nn/backend.h"
#include "nn/layer_shape.h"
#include "nn/planner.h"
#include "nn/tile_plan.h"

/* Tiles that one thread computes in one go: few enough for its cache, enough to be worth a call of the compute library. */
enum { TILE_BATCH = 8 };

/* A layer's result. */
struct tile_layer {
    int stage;  /* that computes it; −1: none, it is the inference plan's */
    bool kept;  /* a later stage reads it */
    int side_h, side_w, tile_h, tile_w, columns, rows;
    int margin; /* pixels at stride 1 around the region that it is needed in */
    int count;  /* tiles in this run */
    int *slots; /* [rows, columns]; −1: not computed */
    int *corners; /* [count rounded up to a batch, 2]: y, x; the last is repeated */
    void *values;
};

/* Computes layer `layer`, as infer_step does. */
struct tile_step {
    enum mgm_op op;
    int layer, first, src, residual, stage;
    bool is_single, adds_apart;
    int window_h, window_w; /* of src, for one tile */
    float *single;
};

/* What one thread computes with, so that none waits for another within a layer: a backend of one thread, and memory for a batch. */
struct tile_lane {
    struct mgm_context ctx; /* for the sentence of a failure */
    struct mgm_backend *backend, *own; /* own: made by the plan, else NULL */
    struct mgm_backend_conv **convs;   /* [steps]; NULL where a step has none */
    void *window, *grid;
    float *heads; /* host memory */
    int *corners; /* [TILE_BATCH, 2] of windows */
};

struct mgm_tile_plan {
    struct mgm_context *ctx;
    const struct mgm_graph *graph;
    const struct mgm_infer_plan *whole;
    struct mgm_backend *backend;
    int h, w, threads;
    const struct mgm_storage *storage; /* of each layer; whole's */
    int stage_count;
    struct tile_layer *layers;
    struct tile_step *steps;
    int step_count;
    struct mgm_plan_buffer *buffers; /* [layers] */
    int *owners;                     /* [layers]: layer whose buffer a result stands in */
    void *arena, *kept; /* results of a stage, where they do not fit into what whole can spare; those that later stages read */
    size_t arena_bytes, kept_bytes;
    size_t memory; /* that the arena of the last stage may take */
    struct tile_lane *lanes;
    int lane_count;
};

static inline enum mgm_precision tile_type(const struct mgm_tile_plan *plan, int layer)
{
    return plan->storage[layer].type;
}

static inline size_t tile_bytes(const struct mgm_tile_plan *plan, int layer)
{
    const struct tile_layer *l = &plan->layers[layer];
    return (size_t)l->tile_h * (size_t)l->tile_w * (size_t)plan->graph->layers[layer].channels *
           mgm_precision_bytes(tile_type(plan, layer));
}

/** First row (or column) of src that a tile beginning at `at` reads. */
static inline int window_begin(const struct mgm_layer *conv, int at)
{
    switch (conv->op) {
    case MGM_OP_CONV:
        return at * conv->step - conv->dilation * (conv->kernel / 2);
    case MGM_OP_CONV_TRANSPOSE:
        return at / 2 - 1;
    default: /* UPSAMPLE */
        return at / 2;
    }
}

#endif
