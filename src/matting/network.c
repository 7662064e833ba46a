#include "matting/network.h"

#include "matting/foreground.h"

#include <math.h>
#include <stdio.h>

const int mgm_head_stride[MGM_HEAD_COUNT] = {8, 4, 1};
const char *const mgm_head_fusion_names[MGM_HEAD_FUSION_COUNT] = {"refinement", "none", "convolution"};
const float mgm_network_mean[3] = {0.485f, 0.456f, 0.406f};
const float mgm_network_deviation[3] = {0.229f, 0.224f, 0.225f};

static const float NO_ACTIVATION = 1, RELU = 0, LEAKY = 0.2f;

/* What every part of the declaration needs. */
struct builder {
    struct mgm_graph *graph;
    double width;
};

int mgm_network_channels(double width, int channels)
{
    int eighths = (int)ceil(channels * width / 8 - 1e-9);
    return eighths > 1 ? eighths * 8 : 8;
}

static int conv(struct builder *b, int src, const char *prefix, const char *name, struct mgm_conv_spec spec)
{
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    spec.name = full;
    if (!spec.zero_input)
        spec.zero_input = -1;
    if (!spec.step)
        spec.step = 1;
    if (!spec.dilation)
        spec.dilation = 1;
    return spec.kernel == 4 ? mgm_graph_conv_transpose(b->graph, src, &spec) : mgm_graph_conv(b->graph, src, &spec);
}

/* Spectrally normalised, no bias: all of encoder trunk, shortcuts and decoder. */
static int spectral(struct builder *b, int src, const char *prefix, const char *name, int channels, int kernel, int step,
                    enum mgm_init init)
{
    return conv(
        b, src, prefix, name,
        (struct mgm_conv_spec){.channels = channels, .kernel = kernel, .step = step, .spectral = true, .init = init});
}

static int norm(struct builder *b, int src, const char *prefix, const char *name, float slope, int residual)
{
    char full[64];
    snprintf(full, sizeof full, "%s%s", prefix, name);
    struct mgm_norm_spec spec = {.name = full, .residual = residual, .slope = slope};
    return mgm_graph_norm(b->graph, src, &spec);
}

static int channels_of(const struct builder *b, int layer)
{
    return b->graph->failed ? 8 : b->graph->layers[layer].channels;
}

/* conv – BN – act – conv – BN, add, act. The last BN of the branch starts at 0, so that a block starts as identity. */
static int basic_block(struct builder *b, int src, int identity, const char *prefix, int channels, int step, float slope)
{
    int x = spectral(b, src, prefix, "conv1", channels, 3, step, MGM_INIT_XAVIER_UNIFORM);
    x = norm(b, x, prefix, "bn1", slope, -1);
    x = spectral(b, x, prefix, "conv2", channels, 3, 1, MGM_INIT_XAVIER_UNIFORM);
    char name[64];
    snprintf(name, sizeof name, "%sbn2", prefix);
    struct mgm_norm_spec last = {.name = name, .residual = identity, .slope = slope, .start_at_zero = true};
    return mgm_graph_norm(b->graph, x, &last);
}

static int encoder_layer(struct builder *b, int src, const char *layer, int blocks, int channels, int step)
{
    int x = src;
    for (int i = 0; i < blocks; i++) {
        char prefix[48];
        snprintf(prefix, sizeof prefix, "encoder.%s.%d.", layer, i);
        int identity = x, first_step = i == 0 ? step : 1;
        if (i == 0 && (step != 1 || channels_of(b, x) != channels)) {
            if (step == 2)
                identity = mgm_graph_average_pool(b->graph, x);
            identity = spectral(b, identity, prefix, "downsample.1", channels, 1, 1, MGM_INIT_XAVIER_UNIFORM);
            identity = norm(b, identity, prefix, "downsample.2", NO_ACTIVATION, -1);
        }
        x = basic_block(b, x, identity, prefix, channels, first_step, RELU);
    }
    return x;
}

/* (conv 3×3 → ReLU → BN) twice, added to what the decoder has at that stride. */
static int shortcut(struct builder *b, int src, int index, int channels, int decoder)
{
    char prefix[48];
    snprintf(prefix, sizeof prefix, "encoder.shortcut.%d.", index);
    int x = src;
    for (int half = 0; half < 2; half++) {
        char name[64];
        x = spectral(b, x, prefix, half ? "3" : "0", channels, 3, 1, MGM_INIT_FAN_IN_UNIFORM);
        snprintf(name, sizeof name, "%s%s", prefix, half ? "5" : "2");
        struct mgm_norm_spec spec = {
            .name = name, .residual = half ? decoder : -1, .relu_first = true, .slope = NO_ACTIVATION};
        x = mgm_graph_norm(b->graph, x, &spec);
    }
    return x;
}

static int aspp(struct builder *b, int src, int channels, int out_channels)
{
    static const int dilations[4] = {1, 2, 4, 8};
    int branches[5];
    char name[32];
    for (int i = 0; i < 5; i++) {
        int x = i == 4 ? mgm_graph_global_pool(b->graph, src) : src;
        snprintf(name, sizeof name, "aspp%d", i + 1);
        x = conv(b, x, "aspp.", name,
                 (struct mgm_conv_spec){.channels = channels,
                                        .kernel = i == 0 || i == 4 ? 1 : 3,
                                        .dilation = i < 4 ? dilations[i] : 1,
                                        .init = MGM_INIT_FAN_IN_UNIFORM});
        snprintf(name, sizeof name, "aspp%d_bn", i + 1);
        x = norm(b, x, "aspp.", name, RELU, -1);
        branches[i] = i == 4 ? mgm_graph_broadcast(b->graph, x, src) : x;
    }
    int x = mgm_graph_concat(b->graph, branches, 5);
    x = conv(b, x, "aspp.", "conv2",
             (struct mgm_conv_spec){.channels = out_channels, .kernel = 1, .init = MGM_INIT_FAN_IN_UNIFORM});
    return norm(b, x, "aspp.", "bn2", RELU, -1);
}

/*
 * Doubles the size, then the ordinary blocks. The identity path is nearest ×2 → conv 1×1 → BN in the paper's code; a 1×1
 * convolution and statistics over equal values commute with repeating pixels, so it is computed at the smaller size
 * (replicas: the unbiased running variance counts the repeated values).
 */
static int decoder_layer(struct builder *b, int src, int index, int blocks, int channels)
{
    char prefix[48], name[64];
    snprintf(prefix, sizeof prefix, "decoder.layer%d.0.", index);
    int identity = spectral(b, src, prefix, "upsample.1", channels, 1, 1, MGM_INIT_XAVIER_UNIFORM);
    snprintf(name, sizeof name, "%supsample.2", prefix);
    struct mgm_norm_spec repeated = {.name = name, .residual = -1, .slope = NO_ACTIVATION, .replicas = 4};
    identity = mgm_graph_upsample(b->graph, mgm_graph_norm(b->graph, identity, &repeated));

    int x = spectral(b, src, prefix, "conv1", channels_of(b, src), 4, 2, MGM_INIT_FAN_IN_UNIFORM);
    x = norm(b, x, prefix, "bn1", LEAKY, -1);
    x = spectral(b, x, prefix, "conv2", channels, 3, 1, MGM_INIT_XAVIER_UNIFORM);
    snprintf(name, sizeof name, "%sbn2", prefix);
    struct mgm_norm_spec last = {.name = name, .residual = identity, .slope = LEAKY, .start_at_zero = true};
    x = mgm_graph_norm(b->graph, x, &last);
    for (int i = 1; i < blocks; i++) {
        snprintf(prefix, sizeof prefix, "decoder.layer%d.%d.", index, i);
        x = basic_block(b, x, x, prefix, channels, 1, LEAKY);
    }
    return x;
}

/* A head but for its last convolution. */
static int head_features(struct builder *b, int src, const char *name)
{
    char prefix[48];
    snprintf(prefix, sizeof prefix, "decoder.%s.", name);
    int inner = mgm_network_channels(b->width, 32);
    int x =
        conv(b, src, prefix, "0", (struct mgm_conv_spec){.channels = inner, .kernel = 3, .init = MGM_INIT_XAVIER_UNIFORM});
    return norm(b, x, prefix, "1", LEAKY, -1);
}

static int head_output(struct builder *b, int features, const char *name, int channels)
{
    char prefix[48];
    snprintf(prefix, sizeof prefix, "decoder.%s.", name);
    return conv(b, features, prefix, "3",
                (struct mgm_conv_spec){.channels = channels, .kernel = 3, .bias = true, .init = MGM_INIT_XAVIER_UNIFORM});
}

static int head(struct builder *b, int src, const char *name, int channels)
{
    return head_output(b, head_features(b, src, name), name, channels);
}

/* What either network has between its input and its last head. */
struct body {
    int trunk, context; /* results of encoder and ASPP */
    int finest;         /* the decoder's at full resolution, shortcut added */
    /* with heads, those at strides 8 and 4 */
    int features[MGM_HEAD_OS1], outputs[MGM_HEAD_OS1];
};

static struct body body_of(struct builder *b, int inputs, bool with_heads)
{
    static const char *const head_names[] = {"refine_OS8", "refine_OS4"};
    struct mgm_graph *out = b->graph;
    struct body body = {0};
    int c[5]; /* 32, 64, 128, 256, 512 of the paper */
    for (int i = 0; i < 5; i++)
        c[i] = mgm_network_channels(b->width, 32 << i);

    int input = mgm_graph_input(out, inputs);
    int x = conv(b, input, "encoder.", "conv1",
                 (struct mgm_conv_spec){.channels = c[0],
                                        .kernel = 3,
                                        .step = 2,
                                        .spectral = true,
                                        .init = MGM_INIT_XAVIER_UNIFORM,
                                        .zero_input = with_heads ? MGM_NETWORK_INPUTS - 1 : -1});
    x = norm(b, x, "encoder.", "bn1", RELU, -1);
    x = spectral(b, x, "encoder.", "conv2", c[0], 3, 1, MGM_INIT_XAVIER_UNIFORM);
    int stem = norm(b, x, "encoder.", "bn2", RELU, -1);
    x = spectral(b, stem, "encoder.", "conv3", c[1], 3, 2, MGM_INIT_XAVIER_UNIFORM);
    x = norm(b, x, "encoder.", "bn3", RELU, -1);
    int layer1 = encoder_layer(b, x, "layer1", 3, c[1], 1);
    int layer2 = encoder_layer(b, layer1, "layer2", 4, c[2], 2);
    int layer3 = encoder_layer(b, layer2, "layer3", 4, c[3], 2);
    body.trunk = encoder_layer(b, layer3, "layer_bottleneck", 2, c[4], 2);
    out->exact = true; /* little work, and a mean over all pixels */
    body.context = aspp(b, body.trunk, c[3], c[4]);
    out->exact = false;

    /* Shortcuts stand where they are needed, so that their results need not be kept in the meantime. */
    x = shortcut(b, layer3, 4, c[3], decoder_layer(b, body.context, 1, 2, c[3]));
    const int sources[] = {layer2, layer1};
    for (int i = 0; i < 2; i++) {
        x = shortcut(b, sources[i], 3 - i, c[2 - i], decoder_layer(b, x, 2 + i, 3, c[2 - i]));
        if (!with_heads)
            continue;
        body.features[i] = head_features(b, x, head_names[i]);
        body.outputs[i] = head_output(b, body.features[i], head_names[i], 1);
    }
    x = shortcut(b, stem, 1, c[0], decoder_layer(b, x, 4, 2, c[0]));
    x = spectral(b, x, "decoder.", "conv1", c[0], 4, 2, MGM_INIT_FAN_IN_UNIFORM);
    x = norm(b, x, "decoder.", "bn1", LEAKY, -1);
    body.finest = shortcut(b, input, 0, c[0], x);
    return body;
}

static enum mgm_status finish(struct mgm_context *ctx, struct mgm_graph *out)
{
    const enum mgm_status status = mgm_graph_finish(ctx, out);
    if (status != MGM_OK)
        mgm_graph_release(out);
    return status;
}

enum mgm_status mgm_network_build(struct mgm_context *ctx, double width, bool with_trunk, struct mgm_graph *out)
{
    *out = (struct mgm_graph){0};
    struct builder builder = {out, width};
    const struct body body = body_of(&builder, MGM_NETWORK_INPUTS, true);
    const int os1 = head(&builder, body.finest, "refine_OS1", 1);
    mgm_graph_output(out, body.outputs[MGM_HEAD_OS8]);
    mgm_graph_output(out, body.outputs[MGM_HEAD_OS4]);
    mgm_graph_output(out, os1);
    if (with_trunk) {
        mgm_graph_output(out, body.trunk);
        mgm_graph_output(out, body.context);
    }
    return finish(ctx, out);
}

/* The coarser heads' features at full resolution: nearest, as everywhere in this network. */
static int enlarged(struct builder *b, int layer, int stride)
{
    for (; stride > 1; stride /= 2)
        layer = mgm_graph_upsample(b->graph, layer);
    return layer;
}

enum mgm_status mgm_network_build_fused(struct mgm_context *ctx, double width, enum mgm_head_fusion fusion,
                                        struct mgm_graph *out)
{
    if (fusion != MGM_FUSE_BY_CONVOLUTION)
        return mgm_network_build(ctx, width, false, out);
    *out = (struct mgm_graph){0};
    struct builder builder = {out, width};
    const struct body body = body_of(&builder, MGM_NETWORK_INPUTS, true);
    int features[MGM_HEAD_COUNT];
    out->exact = true; /* what is joined has no common scale */
    for (int i = MGM_HEAD_OS8; i < MGM_HEAD_OS1; i++)
        features[i] = enlarged(&builder, body.features[i], mgm_head_stride[i]);
    features[MGM_HEAD_OS1] = head_features(&builder, body.finest, "refine_OS1");
    const int all = mgm_graph_concat(out, features, MGM_HEAD_COUNT);
    const int fused = head(&builder, all, "fusion", 1);
    mgm_graph_output(out, body.outputs[MGM_HEAD_OS8]);
    mgm_graph_output(out, body.outputs[MGM_HEAD_OS4]);
    mgm_graph_output(out, fused);
    return finish(ctx, out);
}

enum mgm_status mgm_foreground_network_build(struct mgm_context *ctx, double width, struct mgm_graph *out)
{
    *out = (struct mgm_graph){0};
    struct builder builder = {out, width};
    const struct body body = body_of(&builder, MGM_FOREGROUND_INPUTS, false);
    mgm_graph_output(out, head(&builder, body.finest, "colour", MGM_FOREGROUND_OUTPUTS));
    return finish(ctx, out);
}

void mgm_network_pack_input(int n, int h, int w, const float *image, const float *guidance, float *dst)
{
    size_t plane = (size_t)h * (size_t)w;
    for (int i = 0; i < n; i++) {
        const float *colours = image + (size_t)i * 3 * plane, *mask = guidance + (size_t)i * plane;
        float *pixels = dst + (size_t)i * MGM_NETWORK_INPUTS * plane;
        for (size_t p = 0; p < plane; p++) {
            pixels[4 * p] = colours[p];
            pixels[4 * p + 1] = colours[plane + p];
            pixels[4 * p + 2] = colours[2 * plane + p];
            pixels[4 * p + 3] = mask[p];
        }
    }
}
