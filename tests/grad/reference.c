#include "reference.h"

#include "base/memory.h"
#include "check.h"

#include <math.h>
#include <string.h>

enum { RELU_OFF = 1, NEGATIVE = 2 };

int reference_side(const struct mgm_layer *layer, int input_side)
{
    return layer->stride ? input_side / layer->stride : 1;
}

size_t reference_count(const struct reference *reference, int layer)
{
    const struct mgm_layer *l = &reference->graph->layers[layer];
    return (size_t)(reference->n * reference_side(l, reference->h) * reference_side(l, reference->w) * l->channels);
}

struct reference reference_create(const struct mgm_graph *graph, int n, int h, int w)
{
    struct reference reference = {.graph = graph, .n = n, .h = h, .w = w};
    reference.maps = mgm_alloc_zeroed((size_t)graph->layer_count, sizeof *reference.maps);
    reference.sides = mgm_alloc_zeroed((size_t)graph->layer_count, sizeof *reference.sides);
    assert_true(reference.maps && reference.sides);
    for (int i = 0; i < graph->layer_count; i++) {
        reference.maps[i] = mgm_alloc_zeroed(reference_count(&reference, i), sizeof(double));
        reference.sides[i] = mgm_alloc_zeroed(reference_count(&reference, i), 1);
        assert_true(reference.maps[i] && reference.sides[i]);
    }
    return reference;
}

void reference_release(struct reference *reference)
{
    for (int i = 0; i < reference->graph->layer_count; i++) {
        mgm_free(reference->maps[i]);
        mgm_free(reference->sides[i]);
    }
    mgm_free(reference->maps);
    mgm_free(reference->sides);
}

void reference_power_iteration(const double *weights, int rows, int cols, double *u, double *v)
{
    double sum = 0;
    for (int j = 0; j < cols; j++) {
        v[j] = 0;
        for (int i = 0; i < rows; i++)
            v[j] += weights[(size_t)i * (size_t)cols + (size_t)j] * u[i];
        sum += v[j] * v[j];
    }
    for (int j = 0; j < cols; j++)
        v[j] /= sqrt(sum) + 1e-12;
    sum = 0;
    for (int i = 0; i < rows; i++) {
        u[i] = 0;
        for (int j = 0; j < cols; j++)
            u[i] += weights[(size_t)i * (size_t)cols + (size_t)j] * v[j];
        sum += u[i] * u[i];
    }
    for (int i = 0; i < rows; i++)
        u[i] /= sqrt(sum) + 1e-12;
}

/* uᵀWv, or 1 for a convolution that is not normalised. */
static double sigma_of(const struct mgm_graph *graph, const struct mgm_layer *layer, const double *values)
{
    if (layer->u < 0)
        return 1;
    const struct mgm_param_info *info = &graph->params[layer->weights];
    const double *weights = values + info->offset;
    const double *u = values + graph->params[layer->u].offset, *v = values + graph->params[layer->v].offset;
    size_t cols = info->count / (size_t)info->dims[0];
    double sigma = 0;
    for (size_t i = 0; i < info->count; i++)
        sigma += u[i / cols] * weights[i] * v[i % cols];
    return sigma;
}

/* The pair of pixels that one tap of a kernel connects. */
struct connection {
    const double *weights; /* the tap's, first of the row for input channel 0: [in] steps of in_step, [out] of out_step */
    size_t in_step, out_step;
    int in, out;
    double factor;
};

static void connect(const struct connection *c, const double *src, double *dst)
{
    for (int i = 0; i < c->in; i++) {
        double x = src[i] * c->factor;
        const double *weights = c->weights + (size_t)i * c->in_step;
        for (int o = 0; o < c->out; o++)
            dst[o] += x * weights[(size_t)o * c->out_step];
    }
}

/* Convolution: dst(y, x) = Σ src(y·step + (ky − centre)·dilation, …) · w[o, i, ky, kx]. */
static void forward_conv(struct reference *r, const double *values, int index)
{
    const struct mgm_layer *layer = &r->graph->layers[index], *from = &r->graph->layers[layer->inputs[0]];
    int h = reference_side(layer, r->h), w = reference_side(layer, r->w), k = layer->kernel;
    int sh = reference_side(from, r->h), sw = reference_side(from, r->w);
    const double *weights = values + r->graph->params[layer->weights].offset;
    struct connection c = {.in_step = (size_t)(k * k),
                           .out_step = (size_t)(from->channels * k * k),
                           .in = from->channels,
                           .out = layer->channels,
                           .factor = 1 / sigma_of(r->graph, layer, values)};
    for (int p = 0; p < r->n * h * w; p++) {
        double *dst = r->maps[index] + (size_t)p * (size_t)layer->channels;
        for (int o = 0; o < layer->channels; o++)
            dst[o] = layer->bias >= 0 ? values[r->graph->params[layer->bias].offset + (size_t)o] : 0;
        for (int tap = 0; tap < k * k; tap++) {
            int y = p / w % h * layer->step + (tap / k - (k - 1) / 2) * layer->dilation;
            int x = p % w * layer->step + (tap % k - (k - 1) / 2) * layer->dilation;
            if (y < 0 || y >= sh || x < 0 || x >= sw)
                continue;
            c.weights = weights + tap;
            connect(&c, r->maps[layer->inputs[0]] + (size_t)((p / (h * w) * sh + y) * sw + x) * (size_t)c.in, dst);
        }
    }
}

/* Transposed convolution, as a scatter: dst(2y − 1 + ky, …) += src(y, x) · w[i, o, ky, kx]. */
static void forward_conv_transpose(struct reference *r, const double *values, int index)
{
    const struct mgm_layer *layer = &r->graph->layers[index], *from = &r->graph->layers[layer->inputs[0]];
    int h = reference_side(layer, r->h), w = reference_side(layer, r->w);
    int sh = reference_side(from, r->h), sw = reference_side(from, r->w);
    const double *weights = values + r->graph->params[layer->weights].offset;
    struct connection c = {.in_step = (size_t)(layer->channels * 16),
                           .out_step = 16,
                           .in = from->channels,
                           .out = layer->channels,
                           .factor = 1 / sigma_of(r->graph, layer, values)};
    memset(r->maps[index], 0, reference_count(r, index) * sizeof(double));
    for (int p = 0; p < r->n * sh * sw; p++) {
        const double *src = r->maps[layer->inputs[0]] + (size_t)p * (size_t)c.in;
        for (int tap = 0; tap < 16; tap++) {
            int y = p / sw % sh * 2 - 1 + tap / 4, x = p % sw * 2 - 1 + tap % 4;
            if (y < 0 || y >= h || x < 0 || x >= w)
                continue;
            c.weights = weights + tap;
            connect(&c, src, r->maps[index] + (size_t)((p / (sh * sw) * h + y) * w + x) * (size_t)c.out);
        }
    }
}

/* Notes on which side of its kink an activation is. */
static void note_side(struct reference *r, uint8_t *sides, uint8_t side, double x)
{
    if (r->frozen)
        return;
    *sides = (uint8_t)((*sides & ~side) | (x < 0 ? side : 0));
    r->margin = fmin(r->margin, fabs(x));
}

/* What the norm layer normalises, at one value. */
static double norm_source(const struct reference *r, int norm, size_t at)
{
    return r->sides[norm][at] & RELU_OFF ? 0 : r->maps[r->graph->layers[norm].inputs[0]][at];
}

void reference_statistics(const struct reference *r, int norm, int channel, double *mean, double *variance)
{
    size_t channels = (size_t)r->graph->layers[norm].channels, count = reference_count(r, norm), pixels = count / channels;
    *mean = *variance = 0;
    for (size_t i = (size_t)channel; i < count; i += channels)
        *mean += norm_source(r, norm, i) / (double)pixels;
    for (size_t i = (size_t)channel; i < count; i += channels)
        *variance += (norm_source(r, norm, i) - *mean) * (norm_source(r, norm, i) - *mean) / (double)pixels;
}

static void forward_norm(struct reference *r, const double *values, int index)
{
    const struct mgm_layer *layer = &r->graph->layers[index];
    const double *src = r->maps[layer->inputs[0]], *residual = layer->input_count > 1 ? r->maps[layer->inputs[1]] : NULL;
    size_t channels = (size_t)layer->channels, count = reference_count(r, index);
    uint8_t *sides = r->sides[index];
    for (size_t i = 0; i < count && layer->relu_first; i++)
        note_side(r, &sides[i], RELU_OFF, src[i]);
    for (int c = 0; c < layer->channels; c++) {
        double mean, variance;
        reference_statistics(r, index, c, &mean, &variance);
        double scale = values[r->graph->params[layer->scale].offset + (size_t)c];
        double shift = values[r->graph->params[layer->shift].offset + (size_t)c];
        for (size_t i = (size_t)c; i < count; i += channels) {
            double y = scale * (norm_source(r, index, i) - mean) / sqrt(variance + 1e-5) + shift;
            y += residual ? residual[i] : 0;
            if (layer->slope != 1)
                note_side(r, &sides[i], NEGATIVE, y);
            r->maps[index][i] = sides[i] & NEGATIVE ? (double)layer->slope * y : y;
        }
    }
}

/* The layers that move or average pixels: each value of dst is the mean of a block of src, or a copy. */
static void forward_spatial(struct reference *r, int index)
{
    const struct mgm_layer *layer = &r->graph->layers[index], *from = &r->graph->layers[layer->inputs[0]];
    const double *src = r->maps[layer->inputs[0]];
    int h = reference_side(layer, r->h), w = reference_side(layer, r->w), channels = layer->channels;
    int sh = reference_side(from, r->h), sw = reference_side(from, r->w);
    int down_y = sh > h ? sh / h : 1, down_x = sw > w ? sw / w : 1, up_y = h / (sh / down_y), up_x = w / (sw / down_x);
    for (int i = 0; i < r->n * h * w * channels; i++) {
        int c = i % channels, x = i / channels % w, y = i / channels / w % h, n = i / channels / w / h;
        double sum = 0;
        for (int k = 0; k < down_y * down_x; k++) {
            int sy = y / up_y * down_y + k / down_x, sx = x / up_x * down_x + k % down_x;
            sum += src[((n * sh + sy) * sw + sx) * channels + c];
        }
        r->maps[index][i] = sum / (down_y * down_x);
    }
}

static void forward_concat(struct reference *r, int index)
{
    const struct mgm_layer *layer = &r->graph->layers[index];
    size_t pixels = reference_count(r, index) / (size_t)layer->channels;
    double *dst = r->maps[index];
    for (size_t p = 0; p < pixels; p++)
        for (int k = 0; k < layer->input_count; k++) {
            size_t channels = (size_t)r->graph->layers[layer->inputs[k]].channels;
            memcpy(dst, r->maps[layer->inputs[k]] + p * channels, channels * sizeof *dst);
            dst += channels;
        }
}

void reference_forward(struct reference *r, const double *values, int first)
{
    r->margin = r->frozen ? r->margin : INFINITY;
    for (int i = first; i < r->graph->layer_count; i++) {
        switch (r->graph->layers[i].op) {
        case MGM_OP_INPUT:
            break;
        case MGM_OP_CONV:
            forward_conv(r, values, i);
            break;
        case MGM_OP_CONV_TRANSPOSE:
            forward_conv_transpose(r, values, i);
            break;
        case MGM_OP_NORM:
            forward_norm(r, values, i);
            break;
        case MGM_OP_CONCAT:
            forward_concat(r, i);
            break;
        case MGM_OP_AVERAGE_POOL:
        case MGM_OP_UPSAMPLE:
        case MGM_OP_GLOBAL_POOL:
        case MGM_OP_BROADCAST:
            forward_spatial(r, i);
            break;
        }
    }
}
