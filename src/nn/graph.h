/**
 * A network is data: a list of layers in an order in which they can be computed, and the parameters that they name.
 * Nothing here computes; train_plan.h and infer_plan.h execute a graph.
 *
 * Every layer yields one tensor [n, c, h, w]. Its height and width are the network input's divided by `stride`
 * (stride 0: 1 × 1, after global pooling).
 */
#ifndef MGM_NN_GRAPH_H
#define MGM_NN_GRAPH_H

#include "base/context.h"

#include <stdint.h>

enum mgm_op {
    MGM_OP_INPUT,
    MGM_OP_CONV,           /* kernel × kernel, any stride and dilation, "same" padding for odd kernels */
    MGM_OP_CONV_TRANSPOSE, /* 4 × 4, stride 2, padding 1: doubles height and width */
    MGM_OP_NORM,           /* act(batch_norm(relu_first ? relu(x) : x) + residual) */
    MGM_OP_AVERAGE_POOL,   /* 2 × 2, stride 2 */
    MGM_OP_UPSAMPLE,       /* nearest, factor 2 */
    MGM_OP_GLOBAL_POOL,    /* mean over h and w */
    MGM_OP_BROADCAST,      /* 1 × 1 repeated over height and width */
    MGM_OP_CONCAT,         /* channels of up to 5 inputs, in order */
};

enum mgm_param_role {
    MGM_PARAM_WEIGHTS,
    MGM_PARAM_BIAS,
    MGM_PARAM_NORM_SCALE,
    MGM_PARAM_NORM_SHIFT,
    MGM_PARAM_RUNNING_MEAN, /* from here on not trained by gradient */
    MGM_PARAM_RUNNING_VARIANCE,
    MGM_PARAM_SPECTRAL_U,
    MGM_PARAM_SPECTRAL_V,
};

/** How a parameter starts (published-code conventions, see matting/network.c). */
enum mgm_init {
    MGM_INIT_ZERO,
    MGM_INIT_ONE,
    MGM_INIT_XAVIER_UNIFORM, /* U(±sqrt(6 / (fan_in + fan_out))) */
    MGM_INIT_FAN_IN_UNIFORM, /* U(±1 / sqrt(fan_in)) */
    MGM_INIT_UNIT_VECTOR,    /* normal, divided by its length */
};

struct mgm_param_info {
    char name[64]; /* as in published checkpoints, without "module." at the head */
    enum mgm_param_role role;
    enum mgm_init init;
    int ndim;
    int dims[4]; /* convolution: [out, in, kh, kw]; transposed: [in, out, kh, kw] */
    int fan_in, fan_out;
    int zero_input; /* this input channel's weights start at 0; −1: none */
    size_t count;
    size_t offset; /* into mgm_params.values; those trained by gradient come first */
};

struct mgm_layer {
    enum mgm_op op;
    int inputs[5]; /* indices of earlier layers; NORM: inputs[1], if present, is the residual */
    int input_count;
    int channels, stride;
    bool exact; /* stays in floating point where the rest is computed in 8 bit */
    /* CONV, CONV_TRANSPOSE */
    int kernel, step, dilation;
    int weights, bias, u, v; /* parameter indices, −1: none; u and v: spectrally normalised */
    /* NORM */
    int scale, shift, mean, variance; /* parameter indices */
    bool relu_first;
    float slope;  /* activation after: x < 0 ? slope · x : x; 1: none, 0: ReLU */
    int replicas; /* each value stands for this many equal ones (matters to the unbiased variance only) */
};

enum { MGM_GRAPH_MAX_OUTPUTS = 8 };

struct mgm_graph {
    int layer_count, layer_capacity;
    struct mgm_layer *layers;
    int param_count, param_capacity;
    struct mgm_param_info *params;
    size_t trained_count; /* values trained by gradient */
    size_t value_count;   /* all values */
    int output_count;
    int outputs[MGM_GRAPH_MAX_OUTPUTS]; /* layers whose result must outlive the run */
    bool exact;                         /* of the layers that are added from now on */
    bool failed;                        /* memory ran out while building; finish reports it */
};

/* Building: each adds a layer and returns its index. After a failure they do nothing; mgm_graph_finish() tells. */
int mgm_graph_input(struct mgm_graph *graph, int channels);
struct mgm_conv_spec {
    const char *name; /* parameter prefix: "encoder.conv1" */
    int channels, kernel, step, dilation;
    bool spectral; /* "<name>.module.weight_bar/_u/_v" instead of "<name>.weight" */
    bool bias;
    enum mgm_init init;
    int zero_input; /* see mgm_param_info */
};
int mgm_graph_conv(struct mgm_graph *graph, int src, const struct mgm_conv_spec *spec);
int mgm_graph_conv_transpose(struct mgm_graph *graph, int src, const struct mgm_conv_spec *spec);
struct mgm_norm_spec {
    const char *name; /* "encoder.bn1" */
    int residual;     /* layer index, −1: none */
    bool relu_first;
    float slope;
    bool start_at_zero; /* scale starts at 0 (last norm of a residual branch) */
    int replicas;       /* see mgm_layer; 0 means 1 */
};
int mgm_graph_norm(struct mgm_graph *graph, int src, const struct mgm_norm_spec *spec);
int mgm_graph_average_pool(struct mgm_graph *graph, int src);
int mgm_graph_upsample(struct mgm_graph *graph, int src);
int mgm_graph_global_pool(struct mgm_graph *graph, int src);
int mgm_graph_broadcast(struct mgm_graph *graph, int src, int like);
int mgm_graph_concat(struct mgm_graph *graph, const int *srcs, int count);
void mgm_graph_output(struct mgm_graph *graph, int layer);

/** Lays out the parameters. @return MGM_E_NOMEM if building had failed */
MGM_MUST_CHECK enum mgm_status mgm_graph_finish(struct mgm_context *ctx, struct mgm_graph *graph);
void mgm_graph_release(struct mgm_graph *graph);

/** Index of the parameter with that name, −1 if there is none. */
int mgm_graph_find_param(const struct mgm_graph *graph, const char *name);

/** Values of all parameters of a graph, f32, each in its own row-major layout at mgm_param_info.offset. */
struct mgm_params {
    float *values;    /* [graph->value_count] */
    float *gradients; /* [graph->trained_count]; NULL where not asked for */
};

MGM_MUST_CHECK enum mgm_status mgm_params_create(struct mgm_context *ctx, const struct mgm_graph *graph, bool gradients,
                                                 struct mgm_params *out);
void mgm_params_release(struct mgm_params *params);
/** Starting values for training; each parameter's depend on seed and its name only. */
void mgm_params_initialise(const struct mgm_graph *graph, uint64_t seed, struct mgm_params *params);

#endif
