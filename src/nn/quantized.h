/**
 * Tensors of 8-bit steps: u8 where values cannot be negative, s8 elsewhere. What one step is worth, the scale, stands in the plan.
 * Also the ranges that scales come from.
 */
#ifndef MGM_NN_QUANTIZED_H
#define MGM_NN_QUANTIZED_H

#include "nn/graph.h"
#include "nn/spatial.h"

/** What is known of a graph's results before it is run in 8 bit. */
struct mgm_quantization {
    const float *ranges; /* [layers of the graph]: largest magnitude that is to be told from larger ones; > 0 */
};

/** How one layer's result is stored. */
struct mgm_storage {
    enum mgm_precision type;
    float scale; /* of a step; 1 for floats */
};

/**
 * How each layer's result is stored: in 8 bit, but for what the graph wants exact, what such layers read, and what is to become a
 * head; those are `precision`, the heads f32. Without quantization all but heads are `precision`.
 * @param quantization  NULL: none
 * @param out           [layers]
 */
void mgm_choose_storage(const struct mgm_graph *graph, enum mgm_precision precision,
                        const struct mgm_quantization *quantization, struct mgm_storage *out);

/** The type that a convolution works in, its source's if that can be; an exact layer's stays float. */
struct mgm_storage mgm_conv_source(const struct mgm_graph *graph, int conv, const struct mgm_quantization *quantization,
                                   const struct mgm_storage *storage);

/** Values from one storage to another; 8-bit ones are rounded and saturate. */
void mgm_convert_storage(int threads, size_t count, const void *src, struct mgm_storage from, void *dst,
                         struct mgm_storage to);

/** mgm_average_pool(), mgm_upsample() and mgm_shuffle() for 8-bit tensors. */
void mgm_average_pool8(const struct mgm_spatial *s, const void *large, void *small);
void mgm_upsample8(const struct mgm_spatial *s, const void *small, void *large);
void mgm_shuffle8(const struct mgm_spatial *s, const void *grid, void *dst);

#endif
