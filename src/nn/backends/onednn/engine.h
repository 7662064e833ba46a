/** The compute library as one plan uses it, for the files of this folder. */
#ifndef MGM_NN_BACKENDS_ONEDNN_ENGINE_H
#define MGM_NN_BACKENDS_ONEDNN_ENGINE_H

#include "nn/backends/onednn/compat.h"
#include "nn/backends/onednn/conv.h"

struct mgm_onednn {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
    int threads;
    void *scratch; /* as large as the greediest primitive asked for */
    size_t scratch_size;
    float *aside; /* a result on its way through what a convolution could not fuse */
    size_t aside_count;
};

/** MGM_OK, or what oneDNN's status comes to, with a sentence. @param what  what could not be done: a verb and its object */
MGM_MUST_CHECK enum mgm_status mgm_onednn_check(struct mgm_context *ctx, dnnl_status_t status, const char *what);

#endif
