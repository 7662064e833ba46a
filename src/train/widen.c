#include "train/widen.h"

#include "base/memory.h"
#include "base/random.h"
#include "nn/spectral.h"

enum { COPIES_MAX = 64, ITERATIONS = 100 };

/** How unequal the weights of a channel's copies are: 0 equal, and then they would stay it. */
static const double DIFFERENCE = 0.5;

struct widening {
    const struct mgm_graph *narrow, *wide;
    const float *from;
    float *to;
    struct mgm_random random;
    double *scale; /* [layers]: what a convolution's result has become by its sigma; of others 1 */
};

static enum mgm_status check(struct mgm_context *ctx, const char *name, const struct mgm_graph *narrow,
                             const struct mgm_graph *wide)
{
    if (narrow->layer_count != wide->layer_count || narrow->param_count != wide->param_count)
        return mgm_fail(ctx, MGM_E_SHAPE, "%s: a network of %d layers cannot become one of %d by being widened", name,
                        narrow->layer_count, wide->layer_count);
    for (int i = 0; i < wide->param_count; i++) {
        const struct mgm_param_info *n = &narrow->params[i], *w = &wide->params[i];
        for (int d = 0; d < w->ndim; d++)
            if (w->dims[d] % n->dims[d] || w->dims[d] / n->dims[d] > COPIES_MAX)
                return mgm_fail(ctx, MGM_E_SHAPE,
                                "%s: a network can be widened by whole multiples up to %d; of '%s', %d should become %d",
                                name, COPIES_MAX, w->name, n->dims[d], w->dims[d]);
    }
    return MGM_OK;
}

/** Factors of a channel's copies, of mean 1. */
static void draw_shares(struct mgm_random *random, int copies, double shares[COPIES_MAX])
{
    double mean = 0;
    for (int i = 0; i < copies; i++) {
        shares[i] = mgm_random_range(random, -DIFFERENCE, DIFFERENCE);
        mean += shares[i] / copies;
    }
    for (int i = 0; i < copies; i++)
        shares[i] += 1 - mean;
}

/** Repeats rows and columns; the input's dimension is `input`, and what was one of its channels is now shared by the copies.
 */
static void widen_weights(struct widening *w, int param, int input)
{
    const struct mgm_param_info *n = &w->narrow->params[param], *to = &w->wide->params[param];
    const int copies[2] = {to->dims[0] / n->dims[0], to->dims[1] / n->dims[1]}, output = 1 - input;
    const size_t area = (size_t)n->dims[2] * (size_t)n->dims[3];
    double shares[COPIES_MAX];
    for (int o = 0; o < to->dims[output]; o++)
        for (int i = 0; i < to->dims[input]; i++) {
            if (i % copies[input] == 0)
                draw_shares(&w->random, copies[input], shares);
            const double share = shares[i % copies[input]] / copies[input];
            const int row = input ? o : i, col = input ? i : o;
            const float *from = w->from + n->offset + ((size_t)(row / copies[0]) * n->dims[1] + col / copies[1]) * area;
            float *values = w->to + to->offset + ((size_t)row * to->dims[1] + col) * area;
            for (size_t k = 0; k < area; k++)
                values[k] = (float)(from[k] * share);
        }
}

static void widen_vector(struct widening *w, int param)
{
    const struct mgm_param_info *n = &w->narrow->params[param], *to = &w->wide->params[param];
    const size_t copies = to->count / n->count;
    for (size_t i = 0; i < to->count; i++)
        w->to[to->offset + i] = w->from[n->offset + i / copies];
}

static float sigma_of(const struct mgm_graph *graph, const struct mgm_layer *conv, const float *values)
{
    const struct mgm_param_info *weights = &graph->params[conv->weights];
    const int rows = weights->dims[0], cols = (int)(weights->count / (size_t)rows);
    return mgm_spectral_sigma(values + weights->offset, rows, cols, values + graph->params[conv->u].offset,
                              values + graph->params[conv->v].offset);
}

/** The vectors of the new weights, and by how much their sigma has changed the convolution's result. */
static double find_vectors(struct widening *w, const struct mgm_layer *n, const struct mgm_layer *to)
{
    const struct mgm_param_info *weights = &w->wide->params[to->weights];
    const int rows = weights->dims[0], cols = (int)(weights->count / (size_t)rows);
    widen_vector(w, to->u);
    for (int i = 0; i < ITERATIONS; i++)
        mgm_spectral_iterate(1, w->to + weights->offset, rows, cols, w->to + w->wide->params[to->u].offset,
                             w->to + w->wide->params[to->v].offset);
    return sigma_of(w->narrow, n, w->from) / sigma_of(w->wide, to, w->to);
}

static void widen_conv(struct widening *w, int layer)
{
    const struct mgm_layer *n = &w->narrow->layers[layer], *to = &w->wide->layers[layer];
    widen_weights(w, to->weights, to->op == MGM_OP_CONV ? 1 : 0);
    if (to->bias >= 0)
        widen_vector(w, to->bias);
    if (to->u >= 0)
        w->scale[layer] = find_vectors(w, n, to);
}

/** A norm undoes its convolution's scale in training by itself; for use, the statistics must know of it. */
static void widen_norm(struct widening *w, int layer)
{
    const struct mgm_layer *to = &w->wide->layers[layer];
    const int params[] = {to->scale, to->shift, to->mean, to->variance};
    const struct mgm_param_info *mean = &w->wide->params[to->mean], *variance = &w->wide->params[to->variance];
    const double scale = w->scale[to->inputs[0]];
    for (int i = 0; i < 4; i++)
        widen_vector(w, params[i]);
    for (size_t i = 0; i < mean->count; i++) {
        w->to[mean->offset + i] *= (float)scale;
        w->to[variance->offset + i] *= (float)(scale * scale);
    }
}

enum mgm_status mgm_params_widen(struct mgm_context *ctx, const char *name, const struct mgm_graph *narrow,
                                 const struct mgm_params *values, const struct mgm_graph *wide, uint64_t seed,
                                 struct mgm_params *out)
{
    TRY(check(ctx, name, narrow, wide));
    struct widening w = {.narrow = narrow,
                         .wide = wide,
                         .from = values->values,
                         .to = out->values,
                         .random = mgm_random_stream(seed, 0),
                         .scale = mgm_alloc((size_t)wide->layer_count, sizeof *w.scale)};
    if (!w.scale)
        return mgm_fail_nomem(ctx, "a wider network");
    for (int i = 0; i < wide->layer_count; i++) {
        const enum mgm_op op = wide->layers[i].op;
        w.scale[i] = 1;
        if (op == MGM_OP_CONV || op == MGM_OP_CONV_TRANSPOSE)
            widen_conv(&w, i);
        else if (op == MGM_OP_NORM)
            widen_norm(&w, i);
    }
    mgm_free(w.scale);
    return MGM_OK;
}
