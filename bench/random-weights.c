/*
 * Weights of a network of some width, random: speed and memory do not depend on their values.
 *
 *     random-weights WIDTH OUT.safetensors
 */
#include "matting/model.h"

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    struct mgm_context *ctx = NULL;
    struct mgm_model *model = NULL;
    const double width = argc == 3 ? atof(argv[1]) : 0;
    if (!(width > 0 && width <= 8) || mgm_context_create(&ctx) != MGM_OK) {
        fprintf(stderr, "usage: %s WIDTH OUT.safetensors\n", argv[0]);
        return 2;
    }
    const char *metadata[] = {MGM_METADATA_ARCHITECTURE, MGM_ARCHITECTURE, MGM_METADATA_WIDTH, argv[1]};
    enum mgm_status status = mgm_model_random(ctx, width, 1, &model);
    if (status == MGM_OK)
        status = mgm_params_save(ctx, &model->graph, &model->params, MGM_DTYPE_F32, argv[2], metadata, 2);
    if (status != MGM_OK)
        fprintf(stderr, "%s\n", mgm_context_error(ctx));
    mgm_model_destroy(&model);
    mgm_context_destroy(&ctx);
    return status == MGM_OK ? 0 : 1;
}
