/**
 * Starting a network from a narrower one of the same kind, so that what that has learnt need not be learnt again.
 * Source: Net2Net (Chen, Goodfellow and Shlens, ICLR 2016), with every channel repeated as often as the next. What comes out
 * is what the narrow network says; but copies of a channel are weighed differently by whatever reads them (their sum stays),
 * so that from the first step on they learn different things.
 */
#ifndef MGM_TRAIN_WIDEN_H
#define MGM_TRAIN_WIDEN_H

#include "nn/graph.h"

/**
 * @param name    where the narrow network is from, for messages
 * @param narrow  graph of the network that there is; values: its parameters
 * @param wide    graph of the same layers, of which every channel count is a multiple of the narrow one's
 * @param seed    of how copies differ
 * @param out     all of it is written, power iteration vectors and running statistics included
 * @return MGM_E_SHAPE, naming the first parameter that does not fit
 */
MGM_MUST_CHECK enum mgm_status mgm_params_widen(struct mgm_context *ctx, const char *name, const struct mgm_graph *narrow,
                                                const struct mgm_params *values, const struct mgm_graph *wide, uint64_t seed,
                                                struct mgm_params *out);

#endif
