/* What matting/refinement.c computes, as ONNX nodes. */
#include "export/onnx_build.h"
#include "image/morphology.h"
#include "matting/network.h"

#include <string.h>

/* (tanh(x) + 1) / 2 is the logistic function of 2x. */
static char *add_alpha(struct mgm_onnx_build *b, char *raw, int stride, char *name)
{
    const float factor = (float)stride, scales[4] = {1, 1, factor, factor};
    char *x = raw, *two = mgm_onnx_name(b, "%s.two", name);
    if (stride > 1) {
        char *constant = mgm_onnx_floats(b, mgm_onnx_name(b, "%s.scales", name), scales, 4);
        x = mgm_onnx_node(b, "Resize", mgm_onnx_name(b, "%s.upsampled", name), MGM_ONNX_INPUTS(raw, "", constant));
        mgm_onnx_text(b, "mode", "linear");
        mgm_onnx_text(b, "coordinate_transformation_mode", "half_pixel");
    }
    mgm_onnx_floats(b, two, (const float[]){2}, 0);
    x = mgm_onnx_node(b, "Mul", mgm_onnx_name(b, "%s.doubled", name), MGM_ONNX_INPUTS(x, two));
    return mgm_onnx_node(b, "Sigmoid", name, MGM_ONNX_INPUTS(x));
}

/*
 * Dilation is a convolution with the ellipse: above 0 where any pixel below it is set. Sums of zeros and ones are exact;
 * compared is with a half, so that runtimes whose convolutions are not exact give the same mask.
 */
static char *add_dilation(struct mgm_onnx_build *b, char *mask, int size, const char *name)
{
    int left[MGM_ELLIPSE_MAX], right[MGM_ELLIPSE_MAX];
    const int64_t dims[4] = {1, 1, size, size}, before = size / 2, after = size - 1 - before;
    char *ellipse = mgm_onnx_name(b, "%s.ellipse", name), *half = mgm_onnx_name(b, "%s.half", name);
    char *count = mgm_onnx_name(b, "%s.count", name), *result = mgm_onnx_name(b, "%s", name);
    float *values = mgm_onnx_constant(b, ellipse, dims, 4);
    mgm_ellipse(size, left, right);
    for (int y = 0; y < size && values; y++)
        for (int x = 0; x < size; x++)
            values[y * size + x] = x >= left[y] && x < right[y] ? 1.0f : 0.0f;
    mgm_onnx_floats(b, half, (const float[]){0.5f}, 0);
    mgm_onnx_node(b, "Conv", count, MGM_ONNX_INPUTS(mask, ellipse));
    mgm_onnx_ints(b, "kernel_shape", &dims[2], 2);
    mgm_onnx_ints(b, "pads", (const int64_t[]){before, before, after, after}, 4);
    return mgm_onnx_node(b, "Greater", result, MGM_ONNX_INPUTS(count, half));
}

/* mgm_uncertain_region(): a comparison with what is no number fails, and makes it uncertain. */
static char *add_uncertain(struct mgm_onnx_build *b, char *alpha, char *low, char *high, int size, const char *name)
{
    char *below = mgm_onnx_node(b, "Less", mgm_onnx_name(b, "%s.background", name), MGM_ONNX_INPUTS(alpha, low));
    char *above = mgm_onnx_node(b, "Greater", mgm_onnx_name(b, "%s.foreground", name), MGM_ONNX_INPUTS(alpha, high));
    char *certain = mgm_onnx_node(b, "Or", mgm_onnx_name(b, "%s.certain", name), MGM_ONNX_INPUTS(below, above));
    char *not_certain = mgm_onnx_node(b, "Not", mgm_onnx_name(b, "%s.uncertain", name), MGM_ONNX_INPUTS(certain));
    char *mask = mgm_onnx_node(b, "Cast", mgm_onnx_name(b, "%s.mask", name), MGM_ONNX_INPUTS(not_certain));
    mgm_onnx_int(b, "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    return add_dilation(b, mask, size, name);
}

void mgm_onnx_refinement(struct mgm_onnx_build *b, char *const *heads, int dilate_os4, int dilate_os1)
{
    const float low = (float)(1.0 / 255.0), high = (float)(1.0 - 1.0 / 255.0);
    char *low_name = mgm_onnx_floats(b, mgm_onnx_name(b, "certain.low"), &low, 0);
    char *high_name = mgm_onnx_floats(b, mgm_onnx_name(b, "certain.high"), &high, 0);
    char *alphas[MGM_HEAD_COUNT];
    static const char *const names[MGM_HEAD_COUNT] = {"alpha_os8", "alpha_os4", "alpha_os1"};
    for (int i = 0; i < MGM_HEAD_COUNT; i++)
        alphas[i] = add_alpha(b, heads[i], mgm_head_stride[i], mgm_onnx_name(b, "%s", names[i]));
    char *unknown = add_uncertain(b, alphas[MGM_HEAD_OS8], low_name, high_name, dilate_os4, "unknown_os4");
    char *merged = mgm_onnx_node(b, "Where", mgm_onnx_name(b, "alpha_merged"),
                                 MGM_ONNX_INPUTS(unknown, alphas[MGM_HEAD_OS4], alphas[MGM_HEAD_OS8]));
    unknown = add_uncertain(b, merged, low_name, high_name, dilate_os1, "unknown_os1");
    mgm_onnx_node(b, "Where", mgm_onnx_name(b, "alpha"), MGM_ONNX_INPUTS(unknown, alphas[MGM_HEAD_OS1], merged));
}
