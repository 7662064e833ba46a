/**
 * Refinement only where it matters (§3.1): the part of a graph behind its first output, computed on tiles.
 *
 * The first output is computed by an inference plan for the whole picture. What lies between one output and the next is a
 * *stage*, run for a region of the picture: every value that the region's pixels depend on is computed, tile by tile, from windows that
 * carry the halo of one layer at a time, so that nothing is computed twice; all else is left out. What a stage needs of the
 * inference plan are its results at stride 4 and more and the input; finer ones are computed again from the input, where
 * needed, so that no map at full resolution is ever held.
 */
#ifndef MGM_NN_TILE_PLAN_H
#define MGM_NN_TILE_PLAN_H

#include "nn/infer_plan.h"

struct mgm_tile_plan;

/**
 * Layers that an inference plan has to keep for a tile plan's sake: the input, the first output, and what the stages read.
 * @param keep   receives their numbers; to be released by mgm_free()
 * @return MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_tile_plan_sources(struct mgm_context *ctx, const struct mgm_graph *graph, int **keep,
                                                     int *count);

/**
 * @param graph, params  as for the inference plan
 * @param whole          borrowed, must outlive the plan; made for the same graph with mgm_tile_plan_sources() kept, on a backend
 *                       with gather(). Its size, precision and threads are this plan's, too
 * @param memory  bytes that results may take beyond what `whole` can spare: of the last stage; more rows than fit are computed
 *                one band after another
 * @return MGM_E_UNSUPPORTED for layers behind the first output that cannot be computed by tiles
 */
MGM_MUST_CHECK enum mgm_status mgm_tile_plan_create(struct mgm_context *ctx, const struct mgm_graph *graph,
                                                    const struct mgm_params *params,
                                                    const struct mgm_infer_plan *whole, size_t memory,
                                                    struct mgm_tile_plan **out);
void mgm_tile_plan_destroy(struct mgm_tile_plan **plan);

/** Where a stage is to be run. */
struct mgm_tile_region {
    int picture;           /* of the inference plan's last run */
    const uint8_t *pixels; /* [h, w] at stride 1; not 0 where the stage's output, up-sampled bilinearly, will be looked at */
    int growth;            /* the next stage's region reaches at most this many pixels beyond this one */
};

/**
 * Runs stage `stage` (0: up to the graph's second output; in order, for each picture anew).
 * @param output  f32 [h / stride, w / stride] of that output, host memory; written where it is computed, a superset of what the
 *                region needs
 * @param share   share of the picture's pixels at that output's stride that were computed, 0 … 1
 */
MGM_MUST_CHECK enum mgm_status mgm_tile_plan_run(struct mgm_tile_plan *plan, int stage, const struct mgm_tile_region *region,
                                                 float *output, double *share);

#endif
