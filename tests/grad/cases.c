/*
 * A layer's gradient by its input is seen where a convolution stands before it: its weights' gradients pass through. Names
 * need only be different from each other.
 */
#include "cases.h"

#include <stdio.h>

struct conv {
    int channels, kernel, step, dilation;
    bool spectral, bias;
};

static int conv(struct mgm_graph *graph, int src, struct conv c)
{
    char name[32];
    snprintf(name, sizeof name, "conv%d", graph->layer_count);
    struct mgm_conv_spec spec = {.name = name,
                                 .channels = c.channels ? c.channels : 8,
                                 .kernel = c.kernel ? c.kernel : 3,
                                 .step = c.step ? c.step : 1,
                                 .dilation = c.dilation ? c.dilation : 1,
                                 .spectral = c.spectral,
                                 .bias = c.bias,
                                 .init = MGM_INIT_FAN_IN_UNIFORM,
                                 .zero_input = -1};
    return mgm_graph_conv(graph, src, &spec);
}

static int doubled(struct mgm_graph *graph, int src, int channels, bool spectral)
{
    char name[32];
    snprintf(name, sizeof name, "conv%d", graph->layer_count);
    struct mgm_conv_spec spec = {.name = name,
                                 .channels = channels,
                                 .kernel = 4,
                                 .step = 2,
                                 .dilation = 1,
                                 .spectral = spectral,
                                 .init = MGM_INIT_FAN_IN_UNIFORM,
                                 .zero_input = -1};
    return mgm_graph_conv_transpose(graph, src, &spec);
}

static int norm(struct mgm_graph *graph, int src, float slope, int residual)
{
    char name[32];
    snprintf(name, sizeof name, "norm%d", graph->layer_count);
    return mgm_graph_norm(graph, src, &(struct mgm_norm_spec){.name = name, .residual = residual, .slope = slope});
}

static int norm_of_relu(struct mgm_graph *graph, int src)
{
    char name[32];
    snprintf(name, sizeof name, "norm%d", graph->layer_count);
    return mgm_graph_norm(graph, src, &(struct mgm_norm_spec){.name = name, .residual = -1, .slope = 1, .relu_first = true});
}

static void conv_3x3(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){0});
    mgm_graph_output(graph, conv(graph, x, (struct conv){.channels = 16}));
}

static void conv_3x3_spectral(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){.spectral = true});
    mgm_graph_output(graph, conv(graph, x, (struct conv){.channels = 16, .spectral = true}));
}

static void conv_3x3_step_2(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){.step = 2, .spectral = true});
    mgm_graph_output(graph, conv(graph, x, (struct conv){.step = 2, .channels = 16, .spectral = true}));
}

static void conv_1x1(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){.kernel = 1});
    mgm_graph_output(graph, conv(graph, x, (struct conv){.kernel = 1, .channels = 16, .spectral = true}));
}

static void conv_dilated(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){0});
    for (int dilation = 2; dilation <= 8; dilation *= 2)
        mgm_graph_output(graph, conv(graph, x, (struct conv){.dilation = dilation}));
}

static void conv_bias(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){0});
    mgm_graph_output(graph, conv(graph, x, (struct conv){.channels = 1, .bias = true}));
}

static void conv_transposed(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){.step = 2});
    mgm_graph_output(graph, doubled(graph, x, 16, false));
}

static void conv_transposed_spectral(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){.step = 2, .channels = 16});
    mgm_graph_output(graph, doubled(graph, x, 8, true));
}

static void norm_linear(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){0});
    mgm_graph_output(graph, norm(graph, x, 1, -1));
}

static void norm_relu(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){0});
    mgm_graph_output(graph, norm(graph, x, 0, -1));
}

static void norm_leaky(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){.channels = 24});
    mgm_graph_output(graph, norm(graph, x, 0.2f, -1));
}

static void norm_after_relu(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){.spectral = true});
    x = norm_of_relu(graph, x);
    x = norm_of_relu(graph, conv(graph, x, (struct conv){.spectral = true}));
    mgm_graph_output(graph, x);
}

static void norm_residual(struct mgm_graph *graph)
{
    int input = mgm_graph_input(graph, 4);
    int a = conv(graph, input, (struct conv){0}), b = conv(graph, input, (struct conv){.kernel = 1});
    mgm_graph_output(graph, norm(graph, a, 1, b));
}

static void norm_residual_relu(struct mgm_graph *graph)
{
    int input = mgm_graph_input(graph, 4);
    int a = conv(graph, input, (struct conv){0}), b = conv(graph, input, (struct conv){.kernel = 1});
    mgm_graph_output(graph, norm(graph, a, 0, b));
}

static void norm_residual_leaky(struct mgm_graph *graph)
{
    int input = mgm_graph_input(graph, 4);
    int a = conv(graph, input, (struct conv){0}), b = conv(graph, input, (struct conv){.kernel = 1});
    mgm_graph_output(graph, norm(graph, a, 0.2f, b));
}

static void average_pool(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){0});
    mgm_graph_output(graph, mgm_graph_average_pool(graph, x));
}

static void upsample(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){.step = 2});
    mgm_graph_output(graph, mgm_graph_upsample(graph, x));
}

static void global_pool(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){0});
    mgm_graph_output(graph, mgm_graph_global_pool(graph, x));
}

static void broadcast(struct mgm_graph *graph)
{
    int x = conv(graph, mgm_graph_input(graph, 4), (struct conv){.step = 2});
    int mean = conv(graph, mgm_graph_global_pool(graph, x), (struct conv){.kernel = 1, .channels = 16});
    mgm_graph_output(graph, mgm_graph_broadcast(graph, mean, x));
}

static void concat(struct mgm_graph *graph)
{
    int input = mgm_graph_input(graph, 4), parts[5];
    for (int i = 0; i < 5; i++)
        parts[i] = conv(graph, input, (struct conv){.kernel = 1 + i % 2 * 2, .channels = 8 + i % 3 * 8});
    int x = mgm_graph_concat(graph, parts, 5);
    mgm_graph_output(graph, conv(graph, x, (struct conv){.kernel = 1}));
}

/* A result that four layers read, of which one is the residual of another's norm, and which is an output besides. */
static void shared_result(struct mgm_graph *graph)
{
    int x = norm(graph, conv(graph, mgm_graph_input(graph, 4), (struct conv){0}), 0.2f, -1);
    int a = norm(graph, conv(graph, x, (struct conv){0}), 0, x);
    int b = norm(graph, conv(graph, x, (struct conv){.kernel = 1}), 0.2f, a);
    int c = norm(graph, conv(graph, x, (struct conv){.dilation = 2}), 1, b);
    mgm_graph_output(graph, x);
    mgm_graph_output(graph, c);
}

/* One block of the encoder's trunk that halves, and one that does not. */
static void encoder_blocks(struct mgm_graph *graph)
{
    int x = norm(graph, conv(graph, mgm_graph_input(graph, 4), (struct conv){.spectral = true}), 0, -1);
    int pooled = mgm_graph_average_pool(graph, x);
    int identity = norm(graph, conv(graph, pooled, (struct conv){.kernel = 1, .channels = 16, .spectral = true}), 1, -1);
    int y = norm(graph, conv(graph, x, (struct conv){.step = 2, .channels = 16, .spectral = true}), 0, -1);
    x = norm(graph, conv(graph, y, (struct conv){.channels = 16, .spectral = true}), 0, identity);
    y = norm(graph, conv(graph, x, (struct conv){.channels = 16, .spectral = true}), 0, -1);
    mgm_graph_output(graph, norm(graph, conv(graph, y, (struct conv){.channels = 16, .spectral = true}), 0, x));
}

/* The first block of a decoder stage: the identity path is normalised at the smaller size. */
static void decoder_block(struct mgm_graph *graph)
{
    int x = norm(graph, conv(graph, mgm_graph_input(graph, 4), (struct conv){.step = 2, .channels = 16}), 0, -1);
    int small = conv(graph, x, (struct conv){.kernel = 1, .spectral = true});
    int identity = mgm_graph_upsample(
        graph, mgm_graph_norm(graph, small,
                              &(struct mgm_norm_spec){.name = "identity", .residual = -1, .slope = 1, .replicas = 4}));
    int y = norm(graph, doubled(graph, x, 16, true), 0.2f, -1);
    mgm_graph_output(graph, norm(graph, conv(graph, y, (struct conv){.spectral = true}), 0.2f, identity));
}

/* Context at several scales. Four pictures, as over fewer the norm of the pooled branch has next to no gradient. */
static void context(struct mgm_graph *graph)
{
    int src = norm(graph, conv(graph, mgm_graph_input(graph, 4), (struct conv){.step = 2}), 0, -1), branches[5];
    for (int i = 0; i < 4; i++)
        branches[i] = norm(graph, conv(graph, src, (struct conv){.kernel = i ? 3 : 1, .dilation = i ? 1 << i : 1}), 0, -1);
    int pooled = conv(graph, mgm_graph_global_pool(graph, src), (struct conv){.kernel = 1});
    branches[4] = mgm_graph_broadcast(graph, norm(graph, pooled, 0, -1), src);
    int x = mgm_graph_concat(graph, branches, 5);
    mgm_graph_output(graph, norm(graph, conv(graph, x, (struct conv){.kernel = 1, .channels = 16}), 0, -1));
}

/* Two heads at different strides on one trunk, as the network's three are. */
static void heads(struct mgm_graph *graph)
{
    int x = norm(graph, conv(graph, mgm_graph_input(graph, 4), (struct conv){.step = 2}), 0.2f, -1);
    int y = norm(graph, conv(graph, x, (struct conv){.channels = 32}), 0.2f, -1);
    mgm_graph_output(graph, conv(graph, y, (struct conv){.channels = 1, .bias = true}));
    x = norm(graph, doubled(graph, x, 8, true), 0.2f, -1);
    y = norm(graph, conv(graph, x, (struct conv){.channels = 32}), 0.2f, -1);
    mgm_graph_output(graph, conv(graph, y, (struct conv){.channels = 1, .bias = true}));
}

/* What two heads read, joined at full resolution; the coarser head's is an output besides (matting/network.c, fusion). */
static void heads_fused(struct mgm_graph *graph)
{
    int x = norm(graph, conv(graph, mgm_graph_input(graph, 4), (struct conv){.step = 2}), 0.2f, -1);
    int coarse = norm(graph, conv(graph, x, (struct conv){0}), 0.2f, -1);
    mgm_graph_output(graph, conv(graph, coarse, (struct conv){.channels = 1, .bias = true}));
    x = norm(graph, doubled(graph, x, 8, true), 0.2f, -1);
    int fine = norm(graph, conv(graph, x, (struct conv){0}), 0.2f, -1);
    const int both[] = {mgm_graph_upsample(graph, coarse), fine};
    int y = norm(graph, conv(graph, mgm_graph_concat(graph, both, 2), (struct conv){0}), 0.2f, -1);
    mgm_graph_output(graph, conv(graph, y, (struct conv){.channels = 1, .bias = true}));
}

#define CASE(function, ...)                                                                                                 \
    {                                                                                                                       \
        .name = #function, .build = function, __VA_ARGS__                                                                   \
    }

const struct grad_case grad_cases[] = {
    CASE(conv_3x3),      CASE(conv_3x3_spectral),  CASE(conv_3x3_step_2),     CASE(conv_1x1),
    CASE(conv_dilated),  CASE(conv_bias),          CASE(conv_transposed),     CASE(conv_transposed_spectral),
    CASE(norm_linear),   CASE(norm_relu),          CASE(norm_leaky),          CASE(norm_after_relu),
    CASE(norm_residual), CASE(norm_residual_relu), CASE(norm_residual_leaky), CASE(average_pool),
    CASE(upsample),      CASE(global_pool),        CASE(broadcast),           CASE(concat),
    CASE(shared_result), CASE(encoder_blocks),     CASE(decoder_block),       CASE(context, .n = 4),
    CASE(heads),         CASE(heads_fused),
};
const int grad_case_count = sizeof grad_cases / sizeof *grad_cases;
