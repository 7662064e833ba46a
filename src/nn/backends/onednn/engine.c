#include "nn/backends/onednn/engine.h"

#include "base/memory.h"
#include "base/parallel.h"

#include <omp.h>

enum mgm_status mgm_onednn_check(struct mgm_context *ctx, dnnl_status_t status, const char *what)
{
    if (status == dnnl_success)
        return MGM_OK;
    if (status == dnnl_out_of_memory)
        return mgm_fail_nomem(ctx, what);
    if (status == dnnl_unimplemented) /* such as bf16 where the processor lacks the instructions */
        return mgm_fail(ctx, MGM_E_UNSUPPORTED, "oneDNN cannot do this on this processor: %s", what);
    return mgm_fail(ctx, MGM_E_BACKEND, "oneDNN could not do this: %s (status %d)", what, (int)status);
}

enum mgm_status mgm_onednn_create(struct mgm_context *ctx, int threads, struct mgm_onednn **out)
{
    *out = NULL;
    struct mgm_onednn *onednn = mgm_alloc_zeroed(1, sizeof *onednn);
    if (!onednn)
        return mgm_fail_nomem(ctx, "the compute library");
    onednn->threads = mgm_thread_count(threads);
    enum mgm_status status = mgm_onednn_check(ctx, dnnl_engine_create(&onednn->engine, dnnl_cpu, 0), "create an engine");
    if (status == MGM_OK)
        status = mgm_onednn_check(ctx, dnnl_stream_create(&onednn->stream, onednn->engine, dnnl_stream_default_flags),
                                  "create a stream");
    if (status != MGM_OK) {
        mgm_onednn_destroy(&onednn);
        return status;
    }
    *out = onednn;
    return MGM_OK;
}

void mgm_onednn_destroy(struct mgm_onednn **onednn)
{
    if (!*onednn)
        return;
    if ((*onednn)->stream)
        dnnl_stream_destroy((*onednn)->stream);
    if ((*onednn)->engine)
        dnnl_engine_destroy((*onednn)->engine);
    mgm_free((*onednn)->scratch);
    mgm_free((*onednn)->aside);
    mgm_free(*onednn);
    *onednn = NULL;
}

int mgm_onednn_enter(const struct mgm_onednn *onednn)
{
    int previous = omp_get_max_threads();
    omp_set_num_threads(onednn->threads);
    return previous;
}

void mgm_onednn_leave(int previous)
{
    omp_set_num_threads(previous);
}
