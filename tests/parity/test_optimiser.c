/* Adam with clipping against the published implementation's steps. */
#include "oracle.h"

#include "base/memory.h"
#include "train/optimiser.h"

#include <math.h>
#include <stdio.h>

static void follow(const struct oracle_case *c, void *argument)
{
    (void)argument;
    cJSON *json = oracle_json(c, "log.json"), *log = cJSON_GetObjectItem(json, "log");
    struct mgm_optimiser_settings settings = mgm_optimiser_settings_defaults();
    settings.beta1 = oracle_number(json, "beta1");
    settings.beta2 = oracle_number(json, "beta2");
    settings.epsilon = oracle_number(json, "eps");
    float *values = oracle_f32(c, "param0");
    size_t count = oracle_tensor(c, "param0")->count;
    struct mgm_optimiser optimiser;
    ASSERT_OK(c->ctx, mgm_optimiser_create(c->ctx, count, &optimiser));
    assert_true(cJSON_GetArraySize(log) > 0);
    for (int i = 0; i < cJSON_GetArraySize(log); i++) {
        char name[32];
        const cJSON *entry = cJSON_GetArrayItem(log, i);
        snprintf(name, sizeof name, "grad%d", i);
        float *gradients = oracle_f32(c, name);
        double norm = mgm_optimiser_step(&optimiser, &settings, oracle_number(json, "lr"), 2, gradients, values);
        mgm_free(gradients);
        assert_true(fabs(norm / oracle_number(entry, "norm") - 1) <= 1e-6);
        assert_true(fabs(optimiser.average_norm / oracle_number(entry, "moving_average") - 1) <= 1e-6);
        snprintf(name, sizeof name, "param%d", i + 1);
        float *want = oracle_f32(c, name);
        struct difference d = difference_f32(name, values, want, count);
        mgm_free(want);
        assert_true(d.max <= 1e-6);
    }
    mgm_optimiser_release(&optimiser);
    mgm_free(values);
    cJSON_Delete(json);
}

static void test_adam_with_clipping(void **state)
{
    (void)state;
    oracle_each("optimiser", follow, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_adam_with_clipping)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
