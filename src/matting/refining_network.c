/* The network that corrects an estimate of colours: what it needs is fine and near, so it is shallow, with most layers at
 * the finest sizes. */
#include "matting/foreground.h"
#include "matting/network.h"

#include <stdio.h>

static const float LINEAR = 1, LEAKY = 0.2f;

struct builder {
    struct mgm_graph *graph;
    const char *place; /* first part of the parameters' names */
    int number;        /* of the next unit there */
};

/** conv → BN, + residual, activation. @param residual  −1: none. @param first  whether it starts at zero */
static int unit(struct builder *b, int src, int channels, int kernel, int step, float slope, int residual, bool zero)
{
    char name[48], norm[56];
    snprintf(name, sizeof name, "%s.%d.conv", b->place, b->number);
    snprintf(norm, sizeof norm, "%s.%d.bn", b->place, b->number++);
    const struct mgm_conv_spec conv = {.name = name,
                                       .channels = channels,
                                       .kernel = kernel,
                                       .step = step,
                                       .dilation = 1,
                                       .init = MGM_INIT_XAVIER_UNIFORM,
                                       .zero_input = -1};
    const struct mgm_norm_spec spec = {.name = norm, .residual = residual, .slope = slope, .start_at_zero = zero};
    return mgm_graph_norm(b->graph, mgm_graph_conv(b->graph, src, &conv), &spec);
}

static int blocks(struct builder *b, int x, int channels, int count)
{
    for (int i = 0; i < count; i++)
        x = unit(b, unit(b, x, channels, 3, 1, LEAKY, -1, false), channels, 3, 1, LEAKY, x, true);
    return x;
}

/** What was found at half the size, with what was there before it was halved. */
static int join(struct builder *b, int coarse, int fine, int channels)
{
    const int above = mgm_graph_upsample(b->graph, unit(b, coarse, channels, 1, 1, LINEAR, -1, false));
    return unit(b, fine, channels, 3, 1, LEAKY, above, false);
}

enum mgm_status mgm_refining_network_build(struct mgm_context *ctx, double width, struct mgm_graph *out)
{
    *out = (struct mgm_graph){0};
    struct builder b = {.graph = out, .place = "encoder"};
    const int fine = mgm_network_channels(width, 16), middle = 2 * fine, coarse = 4 * fine;
    const int input = mgm_graph_input(out, MGM_REFINEMENT_INPUTS);
    const int full = unit(&b, input, fine, 3, 1, LEAKY, -1, false);
    const int half = blocks(&b, unit(&b, full, middle, 3, 2, LEAKY, -1, false), middle, 2);
    const int quarter = blocks(&b, unit(&b, half, coarse, 3, 2, LEAKY, -1, false), coarse, 3);
    b.place = "decoder", b.number = 0;
    const int twice = blocks(&b, join(&b, quarter, half, middle), middle, 1);
    const int whole = blocks(&b, join(&b, twice, full, fine), fine, 1);
    const struct mgm_conv_spec last = {.name = "decoder.colour",
                                       .channels = MGM_FOREGROUND_OUTPUTS,
                                       .kernel = 3,
                                       .step = 1,
                                       .dilation = 1,
                                       .bias = true,
                                       .init = MGM_INIT_ZERO,
                                       .zero_input = -1};
    mgm_graph_output(out, mgm_graph_conv(out, whole, &last));
    const enum mgm_status status = mgm_graph_finish(ctx, out);
    if (status != MGM_OK)
        mgm_graph_release(out);
    return status;
}
