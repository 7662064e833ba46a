/*
 * Where the time of a dense forward pass goes: for each convolution of the network its multiply-adds, time, and share of the
 * processor's measured peak.
 *
 *     layers [--width 1] [--size 1024] [--bf16] [--threads 0] [--repeat 5]
 *
 * Times are the least of all runs: a layer takes a millisecond, and the machine has other things to do. Winograd's
 * convolutions need a quarter of the multiply-adds that are counted here, and may be above the peak.
 */
#include "base/memory.h"
#include "base/random.h"
#include "matting/model.h"
#include "matting/network.h"
#include "nn/infer_plan.h"
#include "peak.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    double width;
    int size, threads, repeat;
    bool bf16;
};

struct timing {
    double last;     /* when the layer before it was done */
    double *seconds; /* [layers], of this run */
};

static void note(void *argument, int layer, const float *values, size_t count)
{
    struct timing *timing = argument;
    const double now = bench_now();
    (void)values;
    (void)count;
    timing->seconds[layer] = now - timing->last;
    timing->last = now;
}

static enum mgm_status measure(struct mgm_context *ctx, const struct options *o, const struct mgm_model *model, double *best)
{
    const size_t values = (size_t)o->size * (size_t)o->size * MGM_NETWORK_INPUTS;
    struct mgm_infer_plan_settings settings = {1, o->size, o->size, o->threads};
    struct timing timing = {.seconds = mgm_alloc_zeroed((size_t)model->graph.layer_count, sizeof(double))};
    struct mgm_infer_plan *plan = NULL;
    settings.precision = o->bf16 ? MGM_PRECISION_BF16 : MGM_PRECISION_F32;
    enum mgm_status status = timing.seconds ? mgm_infer_plan_create(ctx, &model->graph, &model->params, &settings, &plan)
                                            : mgm_fail_nomem(ctx, "the benchmark");
    for (int run = -1; run < o->repeat && status == MGM_OK; run++) {
        struct mgm_random random = mgm_random_stream(1, 1);
        float *input = mgm_infer_plan_input(plan);
        for (size_t i = 0; i < values; i++)
            input[i] = (float)mgm_random_unit(&random);
        timing.last = bench_now();
        status = mgm_infer_plan_observe(plan, note, &timing);
        for (int i = 0; i < model->graph.layer_count && run >= 0; i++)
            best[i] = run == 0 || timing.seconds[i] < best[i] ? timing.seconds[i] : best[i];
    }
    mgm_infer_plan_destroy(&plan);
    mgm_free(timing.seconds);
    return status;
}

/* The convolution that a step with this result computes; NULL: it is none. */
static const struct mgm_layer *conv_of(const struct mgm_graph *graph, int layer)
{
    const struct mgm_layer *l = &graph->layers[layer];
    if (l->op == MGM_OP_NORM)
        l = &graph->layers[l->inputs[0]];
    return l->op == MGM_OP_CONV || l->op == MGM_OP_CONV_TRANSPOSE ? l : NULL;
}

struct sum {
    double gflop, seconds;
};

static void add(struct sum *sum, double gflop, double seconds)
{
    sum->gflop += gflop;
    sum->seconds += seconds;
}

static void print_sum(const char *what, struct sum sum, double peak)
{
    printf("%-44s %8.2f GFLOP %8.2f ms", what, sum.gflop, 1e3 * sum.seconds);
    if (sum.gflop > 0)
        printf(" %7.0f GFLOP/s %4.0f %%", sum.gflop / sum.seconds, 100 * sum.gflop / sum.seconds / peak);
    putchar('\n');
}

static void report(const struct options *o, const struct mgm_graph *graph, const double *seconds)
{
    const double peak = o->bf16 ? bench_peak_bf16(o->threads) : bench_peak_f32(o->threads);
    struct sum coarse = {0}, fine = {0}, other = {0};
    printf("width %g, %d×%d, %s, dense; peak %.0f GFLOP/s\n", o->width, o->size, o->size, o->bf16 ? "bf16" : "f32", peak);
    for (int i = 0; i < graph->layer_count; i++) {
        const struct mgm_layer *conv = conv_of(graph, i);
        if (!conv || seconds[i] == 0) {
            other.seconds += seconds[i];
            continue;
        }
        const struct mgm_param_info *weights = &graph->params[conv->weights];
        const double side = conv->stride ? (double)o->size / conv->stride : 1;
        const double uses = conv->op == MGM_OP_CONV_TRANSPOSE ? side * side / 4 : side * side;
        const double gflop = 2e-9 * uses * (double)weights->count;
        char name[64];
        snprintf(name, sizeof name, "%.32s /%d %d→%d", weights->name, conv->stride, weights->dims[1], weights->dims[0]);
        print_sum(name, (struct sum){gflop, seconds[i]}, peak);
        add(conv->stride >= 8 || !conv->stride ? &coarse : &fine, gflop, seconds[i]);
    }
    print_sum("convolutions at stride 8 and more", coarse, peak);
    print_sum("convolutions at stride 1 to 4", fine, peak);
    print_sum("everything else", other, peak);
}

static enum mgm_status run(struct mgm_context *ctx, const struct options *o)
{
    struct mgm_model *model = NULL;
    TRY(mgm_model_random(ctx, o->width, 1, &model));
    double *best = mgm_alloc_zeroed((size_t)model->graph.layer_count, sizeof *best);
    enum mgm_status status = best ? measure(ctx, o, model, best) : mgm_fail_nomem(ctx, "the benchmark");
    if (status == MGM_OK)
        report(o, &model->graph, best);
    mgm_free(best);
    mgm_model_destroy(&model);
    return status;
}

int main(int argc, char **argv)
{
    struct options o = {.width = 1, .size = 1024, .repeat = 5};
    static const struct option names[] = {{"width", 1, NULL, 'w'},  {"size", 1, NULL, 's'}, {"threads", 1, NULL, 't'},
                                          {"repeat", 1, NULL, 'r'}, {"bf16", 0, NULL, 'b'}, {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'w':
            o.width = atof(optarg);
            break;
        case 's':
            o.size = atoi(optarg);
            break;
        case 't':
            o.threads = atoi(optarg);
            break;
        case 'r':
            o.repeat = atoi(optarg);
            break;
        case 'b':
            o.bf16 = true;
            break;
        default:
            return 2;
        }
    }
    struct mgm_context *ctx = NULL;
    if (o.repeat < 1 || mgm_context_create(&ctx) != MGM_OK)
        return 2;
    const enum mgm_status status = run(ctx, &o);
    if (status != MGM_OK)
        fprintf(stderr, "%s\n", mgm_context_error(ctx));
    mgm_context_destroy(&ctx);
    return status == MGM_OK ? 0 : 1;
}
