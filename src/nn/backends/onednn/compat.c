#include "nn/backends/onednn/compat.h"

#include <string.h>

static bool uses_tiles(dnnl_primitive_desc_t desc)
{
    const char *name = NULL;
    return dnnl_primitive_desc_query(desc, dnnl_query_impl_info_str, 0, &name) == dnnl_success && name &&
           strstr(name, "amx");
}

#if DNNL_VERSION_MAJOR >= 3

dnnl_status_t mgm_md_create(mgm_owned_md *out, int ndim, const dnnl_dim_t *dims, dnnl_data_type_t type,
                            dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_create_with_tag(out, ndim, dims, type, tag);
}

void mgm_md_destroy(mgm_owned_md *md)
{
    if (*md)
        dnnl_memory_desc_destroy(*md);
    *md = NULL;
}

dnnl_status_t mgm_conv_pd_create(dnnl_primitive_desc_t *out, dnnl_engine_t engine, enum mgm_conv_direction direction,
                                 const struct mgm_conv_mds *m, dnnl_primitive_attr_t attr, dnnl_primitive_desc_t hint)
{
    switch (direction) {
    case MGM_CONV_BACKWARD_DATA:
        return dnnl_convolution_backward_data_primitive_desc_create(out, engine, dnnl_convolution_direct, m->src, m->weights,
                                                                    m->dst, m->strides, m->dilates, m->pad_before,
                                                                    m->pad_after, hint, attr);
    case MGM_CONV_BACKWARD_WEIGHTS: {
        dnnl_status_t status = dnnl_convolution_backward_weights_primitive_desc_create(
            out, engine, dnnl_convolution_direct, m->src, m->weights, NULL, m->dst, m->strides, m->dilates, m->pad_before,
            m->pad_after, hint, attr);
        while (status == dnnl_success && m->without_tiles && uses_tiles(*out))
            status = dnnl_primitive_desc_next_impl(*out);
        return status;
    }
    default:
        return dnnl_convolution_forward_primitive_desc_create(
            out, engine, direction == MGM_CONV_FORWARD_TRAINING ? dnnl_forward_training : dnnl_forward_inference,
            m->winograd ? dnnl_convolution_winograd : dnnl_convolution_direct, m->src, m->weights, m->bias, m->dst,
            m->strides, m->dilates, m->pad_before, m->pad_after, attr);
    }
}

dnnl_status_t mgm_post_ops_append_relu(dnnl_post_ops_t post_ops, float slope)
{
    return dnnl_post_ops_append_eltwise(post_ops, dnnl_eltwise_relu, slope, 0);
}

dnnl_status_t mgm_post_ops_append_sum(dnnl_post_ops_t post_ops, float scale, dnnl_data_type_t type)
{
    return dnnl_post_ops_append_sum(post_ops, scale, 0, type);
}

#else

dnnl_status_t mgm_md_create(mgm_owned_md *out, int ndim, const dnnl_dim_t *dims, dnnl_data_type_t type,
                            dnnl_format_tag_t tag)
{
    return dnnl_memory_desc_init_by_tag(&out->md, ndim, dims, type, tag);
}

void mgm_md_destroy(mgm_owned_md *md)
{
    (void)md;
}

static dnnl_status_t create_without_tiles(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                          const dnnl_convolution_desc_t *desc, dnnl_primitive_attr_t attr,
                                          dnnl_primitive_desc_t hint)
{
    dnnl_primitive_desc_iterator_t iterator = NULL;
    dnnl_status_t status = dnnl_primitive_desc_iterator_create(&iterator, desc, attr, engine, hint);
    while (status == dnnl_success) {
        *out = dnnl_primitive_desc_iterator_fetch(iterator);
        if (!*out || !uses_tiles(*out))
            break;
        dnnl_primitive_desc_destroy(*out);
        *out = NULL;
        status = dnnl_primitive_desc_iterator_next(iterator);
    }
    if (iterator)
        dnnl_primitive_desc_iterator_destroy(iterator);
    return status == dnnl_iterator_ends ? dnnl_unimplemented : status == dnnl_success && !*out ? dnnl_out_of_memory : status;
}

dnnl_status_t mgm_conv_pd_create(dnnl_primitive_desc_t *out, dnnl_engine_t engine, enum mgm_conv_direction direction,
                                 const struct mgm_conv_mds *m, dnnl_primitive_attr_t attr, dnnl_primitive_desc_t hint)
{
    dnnl_convolution_desc_t desc;
    dnnl_status_t status;
    switch (direction) {
    case MGM_CONV_BACKWARD_DATA:
        status = dnnl_dilated_convolution_backward_data_desc_init(&desc, dnnl_convolution_direct, m->src, m->weights, m->dst,
                                                                  m->strides, m->dilates, m->pad_before, m->pad_after);
        break;
    case MGM_CONV_BACKWARD_WEIGHTS:
        status =
            dnnl_dilated_convolution_backward_weights_desc_init(&desc, dnnl_convolution_direct, m->src, m->weights, NULL,
                                                                m->dst, m->strides, m->dilates, m->pad_before, m->pad_after);
        break;
    default:
        status = dnnl_dilated_convolution_forward_desc_init(
            &desc, direction == MGM_CONV_FORWARD_TRAINING ? dnnl_forward_training : dnnl_forward_inference,
            m->winograd ? dnnl_convolution_winograd : dnnl_convolution_direct, m->src, m->weights, m->bias, m->dst,
            m->strides, m->dilates, m->pad_before, m->pad_after);
    }
    if (status != dnnl_success)
        return status;
    return m->without_tiles ? create_without_tiles(out, engine, &desc, attr, hint)
                            : dnnl_primitive_desc_create(out, &desc, attr, engine, hint);
}

dnnl_status_t mgm_post_ops_append_relu(dnnl_post_ops_t post_ops, float slope)
{
    return dnnl_post_ops_append_eltwise(post_ops, 1, dnnl_eltwise_relu, slope, 0);
}

dnnl_status_t mgm_post_ops_append_sum(dnnl_post_ops_t post_ops, float scale, dnnl_data_type_t type)
{
    return dnnl_post_ops_append_sum_v2(post_ops, scale, type);
}

#endif
