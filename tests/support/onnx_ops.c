#include "onnx_file.h"

#include "oracle.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int64_t int_of(const Onnx__NodeProto *node, const char *name, size_t index, int64_t otherwise)
{
    const Onnx__AttributeProto *attribute = onnx_file_attribute(node, name);
    if (!attribute)
        return otherwise;
    return attribute->type == ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT ? attribute->i : attribute->ints[index];
}

static bool text_is(const Onnx__NodeProto *node, const char *name, const char *text)
{
    const Onnx__AttributeProto *attribute = onnx_file_attribute(node, name);
    return attribute && attribute->s.len == strlen(text) && memcmp(attribute->s.data, text, attribute->s.len) == 0;
}

static struct onnx_value make_map(int64_t n, int64_t c, int64_t h, int64_t w)
{
    return onnx_file_value(4, (const int64_t[]){n, c, h, w});
}

static double at(const struct onnx_value *x, int64_t n, int64_t c, int64_t h, int64_t w)
{
    if (h < 0 || w < 0 || h >= x->dims[2] || w >= x->dims[3])
        return 0;
    return x->values[((n * x->dims[1] + c) * x->dims[2] + h) * x->dims[3] + w];
}

static struct onnx_value conv(const Onnx__NodeProto *node, struct onnx_value *const *in)
{
    const struct onnx_value *x = in[0], *weights = in[1];
    const int64_t step = int_of(node, "strides", 0, 1), spread = int_of(node, "dilations", 0, 1), k = weights->dims[2];
    const int64_t top = int_of(node, "pads", 0, 0), left = int_of(node, "pads", 1, 0);
    const int64_t h = (x->dims[2] + top + int_of(node, "pads", 2, 0) - spread * (k - 1) - 1) / step + 1;
    const int64_t w = (x->dims[3] + left + int_of(node, "pads", 3, 0) - spread * (k - 1) - 1) / step + 1;
    assert_int_equal(int_of(node, "group", 0, 1), 1);
    assert_int_equal(weights->dims[1], x->dims[1]);
    struct onnx_value y = make_map(x->dims[0], weights->dims[0], h, w);
    double *out = y.values;
    for (int64_t i = 0; i < y.dims[0] * y.dims[1]; i++) {
        const int64_t n = i / y.dims[1], c = i % y.dims[1];
        for (int64_t p = 0; p < h * w; p++) {
            double sum = in[2] ? in[2]->values[c] : 0;
            for (int64_t t = 0; t < x->dims[1] * k * k; t++)
                sum += weights->values[c * x->dims[1] * k * k + t] *
                       at(x, n, t / (k * k), p / w * step - top + t / k % k * spread, p % w * step - left + t % k * spread);
            *out++ = sum;
        }
    }
    return y;
}

static struct onnx_value normalise(const Onnx__NodeProto *node, struct onnx_value *const *in)
{
    const Onnx__AttributeProto *epsilon = onnx_file_attribute(node, "epsilon");
    struct onnx_value y = onnx_file_value(4, in[0]->dims);
    const size_t plane = (size_t)(y.dims[2] * y.dims[3]);
    for (size_t i = 0; i < y.count; i++) {
        const size_t c = i / plane % (size_t)y.dims[1];
        y.values[i] = (in[0]->values[i] - in[3]->values[c]) /
                          sqrt(in[4]->values[c] + (epsilon ? (double)epsilon->f : 1e-5)) * in[1]->values[c] +
                      in[2]->values[c];
    }
    return y;
}

/* The mean of windows: 2 × 2, or all of a plane. */
static struct onnx_value average(const struct onnx_value *x, int64_t kh, int64_t kw)
{
    struct onnx_value y = make_map(x->dims[0], x->dims[1], x->dims[2] / kh, x->dims[3] / kw);
    for (size_t i = 0; i < x->count; i++) {
        const int64_t plane = (int64_t)i / (x->dims[2] * x->dims[3]), h = (int64_t)i / x->dims[3] % x->dims[2] / kh,
                      w = (int64_t)i % x->dims[3] / kw;
        y.values[(plane * y.dims[2] + h) * y.dims[3] + w] += x->values[i] / (double)(kh * kw);
    }
    return y;
}

static double clamped(const struct onnx_value *x, int64_t plane, int64_t h, int64_t w)
{
    h = h < 0 ? 0 : h < x->dims[2] ? h : x->dims[2] - 1;
    w = w < 0 ? 0 : w < x->dims[3] ? w : x->dims[3] - 1;
    return x->values[(plane * x->dims[2] + h) * x->dims[3] + w];
}

static struct onnx_value resize(const Onnx__NodeProto *node, struct onnx_value *const *in)
{
    const struct onnx_value *x = in[0];
    const double factor = in[2]->values[2];
    const bool linear = text_is(node, "mode", "linear");
    assert_true(linear ? text_is(node, "coordinate_transformation_mode", "half_pixel")
                       : text_is(node, "coordinate_transformation_mode", "asymmetric") &&
                             text_is(node, "nearest_mode", "floor"));
    assert_true(in[2]->values[0] == 1 && in[2]->values[1] == 1 && in[2]->values[3] == factor);
    struct onnx_value y =
        make_map(x->dims[0], x->dims[1], (int64_t)((double)x->dims[2] * factor), (int64_t)((double)x->dims[3] * factor));
    for (size_t i = 0; i < y.count; i++) {
        const int64_t plane = (int64_t)i / (y.dims[2] * y.dims[3]);
        double h = (double)((int64_t)i / y.dims[3] % y.dims[2]) / factor, w = (double)((int64_t)i % y.dims[3]) / factor;
        if (linear) {
            h += 0.5 / factor - 0.5;
            w += 0.5 / factor - 0.5;
        }
        const int64_t top = (int64_t)floor(h), left = (int64_t)floor(w);
        const double down = linear ? h - (double)top : 0, right = linear ? w - (double)left : 0;
        y.values[i] = (1 - down) * ((1 - right) * clamped(x, plane, top, left) + right * clamped(x, plane, top, left + 1)) +
                      down * ((1 - right) * clamped(x, plane, top + 1, left) + right * clamped(x, plane, top + 1, left + 1));
    }
    return y;
}

static struct onnx_value depth_to_space(const Onnx__NodeProto *node, const struct onnx_value *x)
{
    const int64_t b = int_of(node, "blocksize", 0, 0), channels = x->dims[1] / (b * b);
    assert_true(text_is(node, "mode", "DCR"));
    struct onnx_value y = make_map(x->dims[0], channels, x->dims[2] * b, x->dims[3] * b);
    for (size_t i = 0; i < y.count; i++) {
        const int64_t w = (int64_t)i % y.dims[3], h = (int64_t)i / y.dims[3] % y.dims[2];
        const int64_t plane = (int64_t)i / (y.dims[2] * y.dims[3]), n = plane / channels, c = plane % channels;
        y.values[i] = at(x, n, (h % b * b + w % b) * channels + c, h / b, w / b);
    }
    return y;
}

/* Along the axes given, from there to there; negative numbers count from the end. */
static struct onnx_value slice(struct onnx_value *const *in)
{
    const struct onnx_value *x = in[0];
    int64_t from[4] = {0}, dims[4];
    memcpy(dims, x->dims, sizeof dims);
    for (size_t i = 0; i < in[1]->count; i++) {
        const int axis = in[3] ? (int)in[3]->values[i] : (int)i;
        const int64_t begin = (int64_t)in[1]->values[i], end = (int64_t)in[2]->values[i];
        from[axis] = begin < 0 ? begin + x->dims[axis] : begin;
        dims[axis] = (end < 0 ? end + x->dims[axis] : end) - from[axis];
    }
    struct onnx_value y = onnx_file_value(x->ndim, dims);
    for (size_t i = 0; i < y.count; i++) {
        size_t rest = i, source = 0, factor = 1;
        for (int d = x->ndim - 1; d >= 0; d--) {
            source += (rest % (size_t)dims[d] + (size_t)from[d]) * factor;
            rest /= (size_t)dims[d];
            factor *= (size_t)x->dims[d];
        }
        y.values[i] = x->values[source];
    }
    return y;
}

static struct onnx_value concatenate(const Onnx__NodeProto *node, struct onnx_value *const *in)
{
    const int axis = (int)int_of(node, "axis", 0, -1);
    int64_t dims[4];
    memcpy(dims, in[0]->dims, sizeof dims);
    for (size_t k = 1; k < node->n_input; k++)
        dims[axis] += in[k]->dims[axis];
    struct onnx_value y = onnx_file_value(in[0]->ndim, dims);
    size_t outer = 1, inner = 1;
    for (int d = 0; d < axis; d++)
        outer *= (size_t)dims[d];
    for (int d = axis + 1; d < y.ndim; d++)
        inner *= (size_t)dims[d];
    double *out = y.values;
    for (size_t i = 0; i < outer; i++)
        for (size_t k = 0; k < node->n_input; k++) {
            const size_t part = inner * (size_t)in[k]->dims[axis];
            for (size_t j = 0; j < part; j++)
                *out++ = in[k]->values[i * part + j];
        }
    return y;
}

static struct onnx_value expand(struct onnx_value *const *in)
{
    assert_true(in[1]->count == 4 && in[1]->values[0] == 1 && in[1]->values[1] == 1);
    assert_true(in[0]->dims[2] == 1 && in[0]->dims[3] == 1);
    const size_t plane = (size_t)(in[1]->values[2] * in[1]->values[3]);
    struct onnx_value y = make_map(in[0]->dims[0], in[0]->dims[1], (int64_t)in[1]->values[2], (int64_t)in[1]->values[3]);
    for (size_t i = 0; i < y.count; i++)
        y.values[i] = in[0]->values[i / plane];
    return y;
}

/* Value by value; an operand of one value stands for all. Results are rounded to float, as any runtime does. */
static bool compute(const Onnx__NodeProto *node, double a, double b, double c, double *result)
{
    const Onnx__AttributeProto *alpha = onnx_file_attribute(node, "alpha");
    const struct {
        const char *op;
        double result;
    } table[] = {{"Add", a + b},
                 {"Mul", a * b},
                 {"Relu", a > 0 ? a : 0},
                 {"LeakyRelu", a < 0 && alpha ? a * (double)alpha->f : a},
                 {"Sigmoid", 1 / (1 + exp(-a))},
                 {"Less", a < b},
                 {"Greater", a > b},
                 {"Or", a != 0 || b != 0},
                 {"Not", a == 0},
                 {"Cast", a},
                 {"Where", a != 0 ? b : c}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strcmp(node->op_type, table[i].op) == 0) {
            *result = (double)(float)table[i].result;
            return true;
        }
    return false;
}

static struct onnx_value pointwise(const Onnx__NodeProto *node, struct onnx_value *const *in)
{
    struct onnx_value y = onnx_file_value(in[0]->ndim, in[0]->dims);
    for (size_t k = 1; k < node->n_input; k++)
        assert_true(in[k]->count == 1 || in[k]->count == y.count);
    for (size_t i = 0; i < y.count; i++) {
        double operands[3] = {0};
        for (size_t k = 0; k < node->n_input && k < 3; k++)
            operands[k] = in[k]->values[in[k]->count == 1 ? 0 : i];
        if (!compute(node, operands[0], operands[1], operands[2], &y.values[i]))
            fail_msg("%s: operator '%s' is not expected here", node->name, node->op_type);
    }
    return y;
}

struct onnx_value onnx_file_run_node(const Onnx__NodeProto *node, struct onnx_value *const *in)
{
    const char *op = node->op_type;
    if (strcmp(op, "Conv") == 0)
        return conv(node, in);
    if (strcmp(op, "BatchNormalization") == 0)
        return normalise(node, in);
    if (strcmp(op, "AveragePool") == 0)
        return average(in[0], int_of(node, "kernel_shape", 0, 0), int_of(node, "kernel_shape", 1, 0));
    if (strcmp(op, "GlobalAveragePool") == 0)
        return average(in[0], in[0]->dims[2], in[0]->dims[3]);
    if (strcmp(op, "Resize") == 0)
        return resize(node, in);
    if (strcmp(op, "DepthToSpace") == 0)
        return depth_to_space(node, in[0]);
    if (strcmp(op, "Slice") == 0)
        return slice(in);
    if (strcmp(op, "Concat") == 0)
        return concatenate(node, in);
    if (strcmp(op, "Expand") == 0)
        return expand(in);
    if (strcmp(op, "Shape") == 0) {
        struct onnx_value y = onnx_file_value(1, (const int64_t[]){in[0]->ndim});
        for (int d = 0; d < in[0]->ndim; d++)
            y.values[d] = (double)in[0]->dims[d];
        return y;
    }
    return pointwise(node, in);
}
