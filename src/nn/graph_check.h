/**
 * What the plans take for granted of a graph. A graph that breaks it would run and give wrong numbers, so creating a plan
 * refuses it: MGM_E_UNSUPPORTED, naming the layer.
 */
#ifndef MGM_NN_GRAPH_CHECK_H
#define MGM_NN_GRAPH_CHECK_H

#include "nn/graph.h"

/**
 * For every plan: each result is read or an output; only convolutions read the input; layers other than convolutions have a
 * multiple of 8 channels; a norm of a ReLU takes a convolution's result that nothing else reads.
 * For training: a convolution with a bias, or to a single channel, is an output that no layer reads.
 */
MGM_MUST_CHECK enum mgm_status mgm_graph_check_training(struct mgm_context *ctx, const struct mgm_graph *graph);

/**
 * For inference, besides what holds for every plan: each norm takes a convolution's result that nothing else reads, adds
 * nothing to a transposed one's, and has no activation behind it where it is a norm of a ReLU.
 */
MGM_MUST_CHECK enum mgm_status mgm_graph_check_inference(struct mgm_context *ctx, const struct mgm_graph *graph);

#endif
