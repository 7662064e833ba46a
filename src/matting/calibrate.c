#include "matting/calibrate.h"

#include "base/memory.h"
#include "nn/infer_plan.h"

#include <math.h>
#include <string.h>

enum { BINS = 2048, STEPS = 255 };

struct histogram {
    float reach; /* of all bins together; 0: nothing seen yet */
    double counts[BINS];
};

struct mgm_calibration {
    struct mgm_context *ctx;
    const struct mgm_model *model;
    struct histogram *histograms; /* of each layer */
    bool failed;                  /* values were not finite */
};

enum mgm_status mgm_calibration_create(struct mgm_context *ctx, const struct mgm_model *model, struct mgm_calibration **out)
{
    struct mgm_calibration *c = *out = mgm_alloc_zeroed(1, sizeof *c);
    if (!c)
        return mgm_fail_nomem(ctx, "a calibration");
    c->ctx = ctx;
    c->model = model;
    c->histograms = mgm_alloc_zeroed((size_t)model->graph.layer_count, sizeof *c->histograms);
    if (c->histograms)
        return MGM_OK;
    mgm_calibration_destroy(out);
    return mgm_fail_nomem(ctx, "a calibration");
}

void mgm_calibration_destroy(struct mgm_calibration **calibration)
{
    if (!*calibration)
        return;
    mgm_free((*calibration)->histograms);
    mgm_free(*calibration);
    *calibration = NULL;
}

/* Makes the bins reach at least so far: twice as far, as often as need be. */
static void widen(struct histogram *h, float largest)
{
    if (h->reach == 0)
        h->reach = largest;
    while (h->reach < largest) {
        for (int i = 0; i < BINS / 2; i++)
            h->counts[i] = h->counts[2 * i] + h->counts[2 * i + 1];
        memset(h->counts + BINS / 2, 0, sizeof h->counts / 2);
        h->reach *= 2;
    }
}

static void observe(void *argument, int layer, const float *values, size_t count)
{
    struct mgm_calibration *c = argument;
    struct histogram *h = &c->histograms[layer];
    float largest = 0;
    for (size_t i = 0; i < count; i++) {
        c->failed = c->failed || !isfinite(values[i]);
        largest = fmaxf(largest, fabsf(values[i]));
    }
    if (largest == 0 || c->failed)
        return;
    widen(h, largest);
    const double factor = BINS / (double)h->reach; /* in double: the least floats have no finite inverse */
    for (size_t i = 0; i < count; i++) {
        const int bin = (int)(fabs((double)values[i]) * factor);
        h->counts[bin < BINS ? bin : BINS - 1]++;
    }
}

enum mgm_status mgm_calibration_add(struct mgm_calibration *c, int h, int w, const float *input)
{
    const struct mgm_infer_plan_settings settings = {.n = 1, .h = h, .w = w, .threads = c->ctx->threads};
    struct mgm_infer_plan *plan;
    TRY(mgm_model_hold_params(c->ctx, c->model));
    const enum mgm_status made = mgm_infer_plan_create(c->ctx, &c->model->graph, &c->model->params, &settings, &plan);
    mgm_model_drop_params(c->model);
    TRY(made);
    memcpy(mgm_infer_plan_input(plan), input, (size_t)h * (size_t)w * 4 * sizeof *input);
    enum mgm_status status = mgm_infer_plan_observe(plan, observe, c);
    mgm_infer_plan_destroy(&plan);
    if (status == MGM_OK && c->failed)
        status = mgm_fail(c->ctx, MGM_E_FORMAT, "'%s' gives values that are not finite", c->model->name);
    return status;
}

/* Where to clip so that rounding and clipping together cost least. */
static float best_range(const struct histogram *h)
{
    const double bin = (double)h->reach / BINS;
    double best = INFINITY;
    int chosen = BINS;
    for (int end = BINS / 16; end <= BINS; end += BINS / 128) {
        const double range = end * bin, step = range / STEPS;
        double error = 0;
        for (int i = 0; i < BINS; i++) {
            const double beyond = (i + 0.5) * bin - range;
            error += h->counts[i] * (i < end ? step * step / 12 : beyond * beyond);
        }
        if (error < best) {
            best = error;
            chosen = end;
        }
    }
    return (float)(chosen * bin);
}

void mgm_calibration_ranges(const struct mgm_calibration *c, float *ranges)
{
    for (int i = 0; i < c->model->graph.layer_count; i++)
        ranges[i] = c->histograms[i].reach > 0 ? best_range(&c->histograms[i]) : 1;
}
