/**
 * The Progressive Refinement Network, declared once.
 * Source: §3.1, §4 (ResNet-34 U-Net with ASPP) and the published code; layer and parameter names are the checkpoints'.
 */
#ifndef MGM_MATTING_NETWORK_H
#define MGM_MATTING_NETWORK_H

#include "nn/graph.h"

/** Order of graph->outputs; each [n, 1, h/stride, w/stride], before up-sampling and tanh. */
enum mgm_head { MGM_HEAD_OS8, MGM_HEAD_OS4, MGM_HEAD_OS1, MGM_HEAD_COUNT };

/** Stride of each head's output: 8, 4, 1. */
extern const int mgm_head_stride[MGM_HEAD_COUNT];

/**
 * How the heads' mattes become one (Table 4). Without refinement every level is judged everywhere in training, and the last output
 * alone is the matte.
 */
enum mgm_head_fusion {
    MGM_FUSE_BY_REFINEMENT,  /* Eq. 2–3: the paper's network */
    MGM_FUSE_NOT,            /* the same network; the matte is the stride-1 head's */
    MGM_FUSE_BY_CONVOLUTION, /* in the stride-1 head's place stand two convolutions over what all three heads' last ones read */
    MGM_HEAD_FUSION_COUNT
};

/** "refinement", "none", "convolution": of configurations and metadata. */
extern const char *const mgm_head_fusion_names[MGM_HEAD_FUSION_COUNT];

enum { MGM_NETWORK_INPUTS = 4 }; /* R, G, B normalised, guidance in [0, 1] */

/**
 * @param width      1: the paper's network; every inner channel count is scaled and rounded up to a multiple of 8
 * @param with_trunk also makes the encoder's and the ASPP's results outputs number 3 and 4 (for comparing)
 */
MGM_MUST_CHECK enum mgm_status mgm_network_build(struct mgm_context *ctx, double width, bool with_trunk,
                                                 struct mgm_graph *out);

/** The network whose heads are fused otherwise, by convolution; else the same as mgm_network_build(). */
MGM_MUST_CHECK enum mgm_status mgm_network_build_fused(struct mgm_context *ctx, double width, enum mgm_head_fusion fusion,
                                                       struct mgm_graph *out);

/**
 * The network for foreground colours (§3.2: "a network of the same structure"): the same encoder, context and decoder
 * without the heads at strides 8 and 4. matting/foreground.h says what goes in and what comes out. 
 * @param out  one output, [n, h, w, 3]
 */
MGM_MUST_CHECK enum mgm_status mgm_foreground_network_build(struct mgm_context *ctx, double width, struct mgm_graph *out);

/**
 * The network that refines the estimate of foreground colours: a small U-Net of residual blocks at strides 1, 2 and 4. Its last layer
 * starts at zero, so that it begins as the estimate is.
 * @param width  1: 16, 32 and 64 channels
 * @param out    one output, [n, h, w, 3]
 */
MGM_MUST_CHECK enum mgm_status mgm_refining_network_build(struct mgm_context *ctx, double width, struct mgm_graph *out);

/** Inner channel count for `channels` of the paper's network at `width`: at least 8. */
int mgm_network_channels(double width, int channels);

/** dst [n, h, w, 4] from planar image [n, 3, h, w] (normalised) and guidance [n, 1, h, w]. */
void mgm_network_pack_input(int n, int h, int w, const float *image, const float *guidance, float *dst);

/** ImageNet's statistics, for R, G, B in [0, 1]. */
extern const float mgm_network_mean[3], mgm_network_deviation[3];

#endif
