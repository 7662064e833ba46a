#include "random_model.h"

#include "base/random.h"
#include "matting/network.h"
#include "nn/spectral.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct mgm_model random_model(struct mgm_context *ctx, double width)
{
    struct mgm_model model = {.width = width, .name = "random", .license = ""};
    assert_int_equal(mgm_network_build(ctx, width, false, &model.graph), MGM_OK);
    assert_int_equal(mgm_params_create(ctx, &model.graph, false, &model.params), MGM_OK);
    mgm_params_initialise(&model.graph, 5, &model.params);
    struct mgm_random random = mgm_random_stream(11, 2);
    for (int i = 0; i < model.graph.param_count; i++) {
        const struct mgm_param_info *info = &model.graph.params[i];
        float *values = model.params.values + info->offset;
        for (size_t k = 0; k < info->count; k++) {
            if (info->role == MGM_PARAM_NORM_SCALE)
                values[k] = 0.5f + (float)mgm_random_unit(&random);
            else if (info->role == MGM_PARAM_NORM_SHIFT || info->role == MGM_PARAM_BIAS)
                values[k] = (float)mgm_random_unit(&random) - 0.5f;
            else if (info->role == MGM_PARAM_WEIGHTS && info->dims[0] == 1)
                values[k] *= 6;
        }
    }
    for (int i = 0; i < model.graph.layer_count; i++) { /* sigmas that are true, or activations overflow */
        const struct mgm_layer *layer = &model.graph.layers[i];
        const bool spectral = layer->op == MGM_OP_CONV || layer->op == MGM_OP_CONV_TRANSPOSE ? layer->u >= 0 : false;
        const struct mgm_param_info *params = model.graph.params;
        float *values = model.params.values;
        const int rows = spectral ? params[layer->weights].dims[0] : 1;
        for (int k = 0; k < 5 && spectral; k++)
            mgm_spectral_iterate(1, values + params[layer->weights].offset, rows, (int)params[layer->weights].count / rows,
                                 values + params[layer->u].offset, values + params[layer->v].offset);
    }
    return model;
}
