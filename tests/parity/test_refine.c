/** Fusion alone against the published code: masks and merged mattes are equal, threshold values included. */
#include "oracle.h"

#include "base/memory.h"
#include "matting/refinement.h"

#include <stdio.h>
#include <string.h>

/** Tensors of one picture are called "0/alpha_os8" and so on. */
static const char *tensor_name(int picture, const char *name)
{
    static char text[64];
    snprintf(text, sizeof text, "%d/%s", picture, name);
    return text;
}

static void check_picture(const struct oracle_case *c, int picture)
{
    const struct mgm_tensor *first = oracle_tensor(c, tensor_name(picture, "alpha_os8"));
    const int h = (int)first->dims[first->ndim - 2], w = (int)first->dims[first->ndim - 1];
    const size_t count = (size_t)h * (size_t)w;
    assert_int_equal(first->count, count);
    float *os8 = oracle_f32(c, tensor_name(picture, "alpha_os8"));
    float *os4 = oracle_f32(c, tensor_name(picture, "alpha_os4"));
    float *os1 = oracle_f32(c, tensor_name(picture, "alpha_os1"));
    float *want = oracle_f32(c, tensor_name(picture, "alpha"));
    float *merged = oracle_f32(c, tensor_name(picture, "alpha_after_os4"));
    float *after_os4 = mgm_alloc(count, sizeof *after_os4);
    struct mgm_fusion fusion = {15, 7, mgm_alloc(count, sizeof(float)), mgm_alloc(count, 1), mgm_alloc(count, 1)};
    assert_non_null(after_os4);
    assert_true(fusion.alpha && fusion.unknown_os4 && fusion.unknown_os1);

    ASSERT_OK(c->ctx, mgm_fuse(c->ctx, os8, os4, os1, h, w, &fusion));
    memcpy(after_os4, os8, count * sizeof *after_os4);
    mgm_refine(after_os4, os4, fusion.unknown_os4, count);
    assert_int_equal(
        difference_u8("unknown_os4", fusion.unknown_os4, oracle_u8(c, tensor_name(picture, "unknown_os4")), count), 0);
    assert_true(difference_f32("alpha_after_os4", after_os4, merged, count).max == 0);
    assert_int_equal(
        difference_u8("unknown_os1", fusion.unknown_os1, oracle_u8(c, tensor_name(picture, "unknown_os1")), count), 0);
    assert_true(difference_f32("alpha", fusion.alpha, want, count).max == 0);

    float *floats[] = {os8, os4, os1, want, merged, after_os4, fusion.alpha};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++)
        mgm_free(floats[i]);
    mgm_free(fusion.unknown_os4);
    mgm_free(fusion.unknown_os1);
}

static void check_case(const struct oracle_case *c, void *argument)
{
    (void)argument;
    int pictures = 0;
    while (mgm_safetensors_find(c->file, tensor_name(pictures, "alpha_os8")))
        check_picture(c, pictures++);
    assert_true(pictures > 0);
}

static void test_fusion(void **state)
{
    (void)state;
    oracle_each("refine", check_case, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_fusion)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
