/**
 * Every layer of nn/graph.h computed once more, plainly and in double, as its definition says and independently of the code
 * under test: the yardstick for results, and the function that central differences are taken of.
 *
 * Maps are [n, h, w, c], parameters lie as in mgm_params.values. Spectrally normalised weights are divided by uᵀWv with u
 * and v as they are among the parameters; batch norm uses the batch's statistics.
 */
#ifndef MGM_TESTS_REFERENCE_H
#define MGM_TESTS_REFERENCE_H

#include "nn/graph.h"

struct reference {
    const struct mgm_graph *graph;
    int n, h, w;
    double **maps; /* [layer_count], each [n, h, w, c] of its layer */
    /* Activations have a kink at 0, where there is no derivative. A forward pass with `frozen` keeps each of them on the
     * side where the last pass without it left it, so that central differences stay on one smooth piece. */
    bool frozen;
    uint8_t **sides; /* [layer_count]: for norms, which of RELU_OFF and NEGATIVE hold, for each value */
    double margin;   /* after a pass that is not frozen: how close any activation came to its kink */
};

/** @param graph  borrowed. Fails the running test if memory runs out. */
struct reference reference_create(const struct mgm_graph *graph, int n, int h, int w);
void reference_release(struct reference *reference);

/** Height and width of a layer's result, and how many values it has. */
int reference_side(const struct mgm_layer *layer, int input_side);
size_t reference_count(const struct reference *reference, int layer);

/** Computes the layers from `first` on; those before it must have been computed. The input is written to maps by the caller.
 */
void reference_forward(struct reference *reference, const double *values, int first);

/** One power iteration as training does it: v = Wᵀu / ‖Wᵀu‖, then u = Wv / ‖Wv‖. W is [rows, cols]. */
void reference_power_iteration(const double *weights, int rows, int cols, double *u, double *v);

/** Mean and biased variance over n, h and w of what a norm layer normalises (after its leading ReLU). */
void reference_statistics(const struct reference *reference, int norm, int channel, double *mean, double *variance);

#endif
