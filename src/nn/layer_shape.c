#include "nn/layer_shape.h"

struct mgm_conv_shape mgm_layer_conv_shape(const struct mgm_graph *graph, int index, int n, int h, int w)
{
    const struct mgm_layer *layer = &graph->layers[index], *src = &graph->layers[layer->inputs[0]];
    int reach = layer->dilation * (layer->kernel / 2);
    struct mgm_conv_shape shape = {.n = n,
                                   .ih = mgm_layer_side(src, h),
                                   .iw = mgm_layer_side(src, w),
                                   .ic = src->channels,
                                   .oc = layer->channels,
                                   .oh = mgm_layer_side(layer, h),
                                   .ow = mgm_layer_side(layer, w),
                                   .kernel = layer->kernel,
                                   .step = layer->step,
                                   .dilation = layer->dilation,
                                   .pad_before = reach,
                                   .pad_after = reach - (layer->step - 1)};
    if (layer->op == MGM_OP_CONV_TRANSPOSE) {
        shape.oh = shape.ih + 1;
        shape.ow = shape.iw + 1;
        shape.oc = 4 * layer->channels;
        shape.kernel = 2;
        shape.step = shape.pad_before = shape.pad_after = 1;
    }
    return shape;
}

void mgm_conv_shape_store(struct mgm_conv_shape *shape, struct mgm_storage src, struct mgm_storage dst,
                          const struct mgm_storage *residual)
{
    const struct mgm_storage added = residual && !mgm_precision_is_float(dst.type) ? *residual : dst;
    shape->src_type = src.type;
    shape->src_scale = src.scale;
    shape->dst_type = dst.type;
    shape->dst_scale = dst.scale;
    shape->residual_type = added.type;
    shape->residual_scale = added.scale;
}

int mgm_norm_after(const struct mgm_graph *graph, int conv)
{
    for (int i = conv + 1; i < graph->layer_count; i++)
        if (graph->layers[i].op == MGM_OP_NORM && graph->layers[i].inputs[0] == conv)
            return i;
    return -1;
}
