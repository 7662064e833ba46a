/**
 * The one place that knows which oneDNN it is: 2.x builds operation descriptors and passes memory descriptors by value,
 * 3.x builds primitive descriptors directly and has opaque memory descriptors.
 */
#ifndef MGM_NN_BACKENDS_ONEDNN_COMPAT_H
#define MGM_NN_BACKENDS_ONEDNN_COMPAT_H

#include <oneapi/dnnl/dnnl.h>

#include <stdbool.h>

#if DNNL_VERSION_MAJOR >= 3
typedef dnnl_memory_desc_t mgm_owned_md;
typedef const_dnnl_memory_desc_t mgm_md; /* what both versions' functions take */
#define MGM_MD(owned) (owned)
#else
typedef struct {
    dnnl_memory_desc_t md;
} mgm_owned_md;
typedef const dnnl_memory_desc_t *mgm_md;
#define MGM_MD(owned) (&(owned).md)
#endif

dnnl_status_t mgm_md_create(mgm_owned_md *out, int ndim, const dnnl_dim_t *dims, dnnl_data_type_t type,
                            dnnl_format_tag_t tag);
void mgm_md_destroy(mgm_owned_md *md);

/** What all three directions of a convolution are described by. */
struct mgm_conv_mds {
    mgm_md src, weights, bias, dst;                      /* bias may be NULL (forward only) */
    dnnl_dims_t strides, dilates, pad_before, pad_after; /* dilates: 0 is dense */
    bool winograd; /* forward only: fewer multiplications, where the library has it (3 × 3, blocks of 16 channels) */
    bool without_tiles; /* backward weights only: none of the implementations that use a processor's matrix tiles (AMX) */
};

enum mgm_conv_direction {
    MGM_CONV_FORWARD_INFERENCE,
    MGM_CONV_FORWARD_TRAINING,
    MGM_CONV_BACKWARD_DATA,
    MGM_CONV_BACKWARD_WEIGHTS
};

/** @param hint  the forward primitive descriptor, for the two backward directions */
dnnl_status_t mgm_conv_pd_create(dnnl_primitive_desc_t *out, dnnl_engine_t engine, enum mgm_conv_direction direction,
                                 const struct mgm_conv_mds *mds, dnnl_primitive_attr_t attr, dnnl_primitive_desc_t hint);

/** x < 0 ? slope · x : x */
dnnl_status_t mgm_post_ops_append_relu(dnnl_post_ops_t post_ops, float slope);
/** Adds scale · what dst held before, as type (dnnl_data_type_undef: dst's). */
dnnl_status_t mgm_post_ops_append_sum(dnnl_post_ops_t post_ops, float scale, dnnl_data_type_t type);

#endif
