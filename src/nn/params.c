#include "base/memory.h"
#include "base/random.h"
#include "nn/graph.h"

#include <math.h>

enum mgm_status mgm_params_create(struct mgm_context *ctx, const struct mgm_graph *graph, bool gradients,
                                  struct mgm_params *out)
{
    *out = (struct mgm_params){0};
    out->values = mgm_alloc_zeroed(graph->value_count, sizeof *out->values);
    if (gradients)
        out->gradients = mgm_alloc_zeroed(graph->trained_count, sizeof *out->gradients);
    if (!out->values || (gradients && !out->gradients)) {
        mgm_params_release(out);
        return mgm_fail_nomem(ctx, "the network's parameters");
    }
    return MGM_OK;
}

void mgm_params_release(struct mgm_params *params)
{
    mgm_free(params->values);
    mgm_free(params->gradients);
    *params = (struct mgm_params){0};
}

static uint64_t hash_name(const char *name)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001B3u;
    return hash;
}

static void fill_uniform(struct mgm_random *random, double bound, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)mgm_random_range(random, -bound, bound);
}

static void fill_unit_vector(struct mgm_random *random, float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)mgm_random_normal(random);
        sum += (double)values[i] * values[i];
    }
    for (size_t i = 0; i < count; i++)
        values[i] = (float)(values[i] / (sqrt(sum) + 1e-12));
}

static void clear_input_channel(const struct mgm_param_info *param, float *values)
{
    size_t area = (size_t)param->dims[2] * (size_t)param->dims[3];
    for (int out = 0; out < param->dims[0]; out++)
        for (size_t i = 0; i < area; i++)
            values[((size_t)out * param->dims[1] + param->zero_input) * area + i] = 0;
}

void mgm_params_initialise(const struct mgm_graph *graph, uint64_t seed, struct mgm_params *params)
{
    for (int i = 0; i < graph->param_count; i++) {
        const struct mgm_param_info *param = &graph->params[i];
        float *values = params->values + param->offset;
        struct mgm_random random = mgm_random_stream(seed, hash_name(param->name));
        switch (param->init) {
        case MGM_INIT_ZERO:
        case MGM_INIT_ONE:
            for (size_t k = 0; k < param->count; k++)
                values[k] = param->init == MGM_INIT_ONE;
            break;
        case MGM_INIT_XAVIER_UNIFORM:
            fill_uniform(&random, sqrt(6.0 / (param->fan_in + param->fan_out)), values, param->count);
            break;
        case MGM_INIT_FAN_IN_UNIFORM:
            fill_uniform(&random, 1 / sqrt(param->fan_in), values, param->count);
            break;
        case MGM_INIT_UNIT_VECTOR:
            fill_unit_vector(&random, values, param->count);
            break;
        }
        if (param->zero_input >= 0)
            clear_input_channel(param, values);
    }
}
