#include "tiny_model.h"

#include "checkpoint_file.h"
#include "oracle.h"

#include "matting/model.h"
#include "matting/network.h"

#include <stdlib.h>

static const double WIDTH = 1.0 / 64;
static const char *const METADATA[] = {MGM_METADATA_ARCHITECTURE, MGM_ARCHITECTURE, MGM_METADATA_WIDTH,   "0.015625",
                                       MGM_METADATA_NAME,         "tiny",           MGM_METADATA_LICENSE, "MIT"};

static void write_as_checkpoint(const struct mgm_graph *graph, const struct mgm_params *params, const char *path,
                                bool legacy)
{
    struct mgm_tensor_source *sources = calloc((size_t)graph->param_count, sizeof *sources);
    assert_non_null(sources);
    for (int i = 0; i < graph->param_count; i++) {
        const struct mgm_param_info *param = &graph->params[i];
        sources[i] =
            (struct mgm_tensor_source){param->name, MGM_DTYPE_F32, param->ndim, {0}, params->values + param->offset};
        for (int d = 0; d < param->ndim; d++)
            sources[i].dims[d] = param->dims[d];
    }
    write_checkpoint(path, sources, graph->param_count, legacy);
    free(sources);
}

void write_tiny_model(const char *path, enum tiny_format format)
{
    struct mgm_context *ctx = NULL;
    struct mgm_graph graph;
    struct mgm_params params;
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    ASSERT_OK(ctx, mgm_network_build(ctx, WIDTH, false, &graph));
    ASSERT_OK(ctx, mgm_params_create(ctx, &graph, false, &params));
    mgm_params_initialise(&graph, 3, &params);
    if (format == TINY_SAFETENSORS)
        ASSERT_OK(ctx, mgm_params_save(ctx, &graph, &params, MGM_DTYPE_F32, path, METADATA, 4));
    else
        write_as_checkpoint(&graph, &params, path, format == TINY_LEGACY);
    mgm_params_release(&params);
    mgm_graph_release(&graph);
    mgm_context_destroy(&ctx);
}
