/*
 * Times the network alone, with random weights.
 *
 *     network forward  [--width 1] [--size 1024] [--threads 0] [--repeat 5]
 *     network training [--width 0.5] [--size 256] [--batch 8] [--f32] [--threads 0] [--repeat 5]
 *     network cost     [--width 0.5] [--size 256] [--f32] [--threads 0]
 *
 * `cost` prints what training on one picture takes, in GFLOP, and the processor's peak, in GFLOP/s. The others print the
 * median, the fastest and the slowest run after a warm-up, the achieved share of the processor's measured multiply-add peak,
 * and the largest resident size. Training is in bf16 where the processor multiplies it natively, as mgm train has it.
 */
#include "matting/network.h"
#include "base/memory.h"
#include "base/random.h"
#include "nn/infer_plan.h"
#include "nn/train_plan.h"
#include "peak.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct options {
    bool training, f32, cost;
    double width;
    int size, batch, threads, repeat;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Multiply-adds of one picture's forward pass: every weight is used once per pixel of its convolution's result. */
static double forward_mac(const struct mgm_graph *graph, int size)
{
    double sum = 0;
    for (int i = 0; i < graph->layer_count; i++) {
        const struct mgm_layer *layer = &graph->layers[i];
        if (layer->op != MGM_OP_CONV && layer->op != MGM_OP_CONV_TRANSPOSE)
            continue;
        double side = layer->stride ? (double)size / layer->stride : 1;
        double uses = layer->op == MGM_OP_CONV_TRANSPOSE ? side * side / 4 : side * side;
        sum += uses * (double)graph->params[layer->weights].count;
    }
    return sum;
}

/* Of training: forward, backward by the data, backward by the weights. */
static double step_flop(const struct mgm_graph *graph, const struct options *o)
{
    return 2 * forward_mac(graph, o->size) * (o->training ? 3 : 1);
}

static double peak_of(const struct options *o)
{
    return o->training && !o->f32 ? bench_peak_bf16(o->threads) : bench_peak_f32(o->threads);
}

static void report(const struct options *o, double *seconds, double flop)
{
    qsort(seconds, (size_t)o->repeat, sizeof *seconds, by_value);
    double median = seconds[o->repeat / 2];
    double peak = peak_of(o);
    printf(
        "%s width %g, %d × %d², %s: median %.3f s (%.3f … %.3f), %.1f images/s, %.0f GFLOP/s of a peak of %.0f (%.0f %%), "
        "%.0f MB\n",
        o->training ? "training" : "forward", o->width, o->batch, o->size, o->training && !o->f32 ? "bf16" : "f32", median,
        seconds[0], seconds[o->repeat - 1], o->batch / median, flop / median * 1e-9, peak,
        peak > 0 ? 100 * flop / median * 1e-9 / peak : 0, bench_peak_mb());
}

static enum mgm_status run_forward(struct mgm_context *ctx, const struct options *o, const struct mgm_graph *graph,
                                   struct mgm_params *params, const float *input, size_t count, double *seconds)
{
    struct mgm_infer_plan *plan;
    struct mgm_infer_plan_settings settings = {o->batch, o->size, o->size, o->threads};
    TRY(mgm_infer_plan_create(ctx, graph, params, &settings, &plan));
    enum mgm_status status = MGM_OK;
    for (int i = -1; i < o->repeat && status == MGM_OK; i++) {
        memcpy(mgm_infer_plan_input(plan), input, count * sizeof *input);
        double start = bench_now();
        status = mgm_infer_plan_run(plan);
        if (i >= 0)
            seconds[i] = bench_now() - start;
    }
    mgm_infer_plan_destroy(&plan);
    return status;
}

static enum mgm_status run_training(struct mgm_context *ctx, const struct options *o, const struct mgm_graph *graph,
                                    struct mgm_params *params, const float *input, double *seconds)
{
    struct mgm_train_plan *plan;
    struct mgm_train_plan_settings settings = {o->batch, o->size, o->size, o->f32 ? MGM_PRECISION_F32 : MGM_PRECISION_BF16,
                                               o->threads};
    TRY(mgm_train_plan_create(ctx, graph, params, &settings, &plan));
    enum mgm_status status = MGM_OK;
    for (int i = -1; i < o->repeat && status == MGM_OK; i++) {
        double start = bench_now();
        status = mgm_train_plan_forward(plan, input);
        for (int head = 0; head < MGM_HEAD_COUNT && status == MGM_OK; head++) {
            int side = o->size / mgm_head_stride[head];
            float *gradient = mgm_train_plan_output_gradient(plan, head);
            for (int k = 0; k < o->batch * side * side; k++)
                gradient[k] = k % 3 ? 1e-4f : -1e-4f;
        }
        if (status == MGM_OK)
            status = mgm_train_plan_backward(plan);
        if (i >= 0)
            seconds[i] = bench_now() - start;
    }
    mgm_train_plan_destroy(&plan);
    return status;
}

static enum mgm_status print_cost(struct mgm_context *ctx, const struct options *o)
{
    struct mgm_graph graph = {0};
    TRY(mgm_network_build(ctx, o->width, false, &graph));
    printf("%.4g %.4g\n", step_flop(&graph, o) * 1e-9, peak_of(o));
    mgm_graph_release(&graph);
    return MGM_OK;
}

static enum mgm_status run(struct mgm_context *ctx, const struct options *o)
{
    struct mgm_graph graph = {0};
    struct mgm_params params = {0};
    size_t count = (size_t)o->batch * (size_t)o->size * (size_t)o->size * MGM_NETWORK_INPUTS;
    float *input = mgm_alloc(count, sizeof *input);
    double *seconds = mgm_alloc((size_t)o->repeat, sizeof *seconds);
    struct mgm_random random = mgm_random_stream(1, 1);
    for (size_t i = 0; input && i < count; i++)
        input[i] = (float)mgm_random_unit(&random);
    enum mgm_status status = input && seconds ? MGM_OK : mgm_fail_nomem(ctx, "the benchmark");
    if (status == MGM_OK)
        status = mgm_network_build(ctx, o->width, false, &graph);
    if (status == MGM_OK)
        status = mgm_params_create(ctx, &graph, o->training, &params);
    if (status == MGM_OK) {
        mgm_params_initialise(&graph, 1, &params);
        status = o->training ? run_training(ctx, o, &graph, &params, input, seconds)
                             : run_forward(ctx, o, &graph, &params, input, count, seconds);
    }
    if (status == MGM_OK)
        report(o, seconds, step_flop(&graph, o) * o->batch);
    mgm_params_release(&params);
    mgm_graph_release(&graph);
    mgm_free(input);
    mgm_free(seconds);
    return status;
}

int main(int argc, char **argv)
{
    const bool cost = argc > 1 && strcmp(argv[1], "cost") == 0,
               training = cost || (argc > 1 && !strcmp(argv[1], "training"));
    if (argc < 2 || (!training && strcmp(argv[1], "forward") != 0)) {
        fprintf(stderr,
                "usage: %s forward|training|cost [--width W] [--size S] [--batch N] [--f32] [--threads T] [--repeat R]\n",
                argv[0]);
        return 2;
    }
    struct options o = {training, false, cost, training ? 0.5 : 1, training ? 256 : 1024, training ? 8 : 1, 0, 5};
    static const struct option names[] = {{"width", 1, NULL, 'w'},   {"size", 1, NULL, 's'},   {"batch", 1, NULL, 'b'},
                                          {"threads", 1, NULL, 't'}, {"repeat", 1, NULL, 'r'}, {"f32", 0, NULL, 'f'},
                                          {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc - 1, argv + 1, "", names, NULL)) != -1;) {
        switch (c) {
        case 'w':
            o.width = atof(optarg);
            break;
        case 's':
            o.size = atoi(optarg);
            break;
        case 'b':
            o.batch = atoi(optarg);
            break;
        case 't':
            o.threads = atoi(optarg);
            break;
        case 'r':
            o.repeat = atoi(optarg);
            break;
        case 'f':
            o.f32 = true;
            break;
        default:
            return 2;
        }
    }
    o.f32 = o.f32 || !mgm_bf16_is_native();
    struct mgm_context *ctx = NULL;
    if (o.repeat < 1 || o.batch < 1 || mgm_context_create(&ctx) != MGM_OK)
        return 2;
    enum mgm_status status = cost ? print_cost(ctx, &o) : run(ctx, &o);
    if (status != MGM_OK)
        fprintf(stderr, "%s\n", mgm_context_error(ctx));
    mgm_context_destroy(&ctx);
    return status == MGM_OK ? 0 : 1;
}
