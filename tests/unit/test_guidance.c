/** What a mask is taken for, and what it becomes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "matting/guidance.h"

#include <string.h>

static struct mgm_image image_8(const uint8_t *pixels, int width, int height)
{
    return (struct mgm_image){width, height, 1, 8, (size_t)width, pixels};
}

static struct mgm_image image_16(const uint16_t *pixels, int width, int height)
{
    return (struct mgm_image){width, height, 1, 16, 2 * (size_t)width, pixels};
}

static enum mgm_guidance decide(const char *values, int count)
{
    struct mgm_image image = image_8((const uint8_t *)values, count, 1);
    return mgm_guidance_decide(&image);
}

static void test_decisions(void **state)
{
    (void)state;
    assert_int_equal(decide("\x00\xff\x00\xff", 4), MGM_GUIDANCE_MASK);
    assert_int_equal(decide("\x08\xf7\x00\xff", 4), MGM_GUIDANCE_MASK);
    assert_int_equal(decide("\x09\xf7\x00\xff", 4), MGM_GUIDANCE_ALPHA);
    assert_int_equal(decide("\x08\xf6\x00\xff", 4), MGM_GUIDANCE_ALPHA);
    assert_int_equal(decide("\x00\x80\xff", 3), MGM_GUIDANCE_TRIMAP);
    assert_int_equal(decide("\x00\x7f\x81\xff", 4), MGM_GUIDANCE_TRIMAP);
    assert_int_equal(decide("\x00\x7e\xff\xff", 4), MGM_GUIDANCE_ALPHA);
    assert_int_equal(decide("\x00\x82\xff\xff", 4), MGM_GUIDANCE_ALPHA);
    assert_int_equal(decide("\x00\x80\xff\x40", 4), MGM_GUIDANCE_ALPHA);
}

static void test_decisions_16_bit(void **state)
{
    (void)state;
    const uint16_t mask[] = {0, 65535}, trimap[] = {0, 32768, 65535}, alpha[] = {0, 20000, 65535};
    struct mgm_image images[] = {image_16(mask, 2, 1), image_16(trimap, 3, 1), image_16(alpha, 3, 1)};
    assert_int_equal(mgm_guidance_decide(&images[0]), MGM_GUIDANCE_MASK);
    assert_int_equal(mgm_guidance_decide(&images[1]), MGM_GUIDANCE_TRIMAP);
    assert_int_equal(mgm_guidance_decide(&images[2]), MGM_GUIDANCE_ALPHA);
}

static void expect(struct mgm_context *ctx, enum mgm_guidance guidance, uint8_t value, float wanted)
{
    const uint8_t pixels[] = {255, value};
    struct mgm_image image = image_8(pixels, 2, 1);
    float converted[2];
    assert_int_equal(mgm_guidance_convert(ctx, &image, guidance, converted), MGM_OK);
    assert_true(converted[0] == 1.0f);
    assert_true(converted[1] == wanted);
}

static void test_conversion(void **state)
{
    struct mgm_context *ctx = *state;
    expect(ctx, MGM_GUIDANCE_MASK, 127, 0);
    expect(ctx, MGM_GUIDANCE_MASK, 128, 1);
    expect(ctx, MGM_GUIDANCE_ALPHA, 51, 51.0f / 255.0f);
    expect(ctx, MGM_GUIDANCE_TRIMAP, 0, 0);
    expect(ctx, MGM_GUIDANCE_TRIMAP, 128, 0.5f);
    expect(ctx, MGM_GUIDANCE_TRIMAP, 9, 0.5f);
    expect(ctx, MGM_GUIDANCE_TRIMAP, 246, 0.5f);
    expect(ctx, MGM_GUIDANCE_TRIMAP, 247, 1);
    expect(ctx, MGM_GUIDANCE_TRIMAP_FG, 169, 0);
    expect(ctx, MGM_GUIDANCE_TRIMAP_FG, 170, 1);
}

/** Rows further apart than they are long, 16 bit. */
static void test_stride_and_depth(void **state)
{
    struct mgm_context *ctx = *state;
    const uint16_t pixels[] = {0, 65535, 7, 32768, 32767, 7};
    struct mgm_image image = {2, 2, 1, 16, 6, pixels};
    const float mask[] = {0, 1, 1, 0}, alpha[] = {0, 1, 32768.0f / 65535.0f, 32767.0f / 65535.0f};
    float converted[4];
    assert_int_equal(mgm_guidance_convert(ctx, &image, MGM_GUIDANCE_MASK, converted), MGM_OK);
    assert_memory_equal(converted, mask, sizeof mask);
    assert_int_equal(mgm_guidance_convert(ctx, &image, MGM_GUIDANCE_ALPHA, converted), MGM_OK);
    assert_memory_equal(converted, alpha, sizeof alpha);
}

static void test_empty(void **state)
{
    struct mgm_context *ctx = *state;
    const uint8_t black[] = {0, 0}, faint[] = {0, 100}, unknown[] = {0, 128};
    struct mgm_image images[] = {image_8(black, 2, 1), image_8(faint, 2, 1), image_8(unknown, 2, 1)};
    float converted[2];
    assert_int_equal(mgm_guidance_convert(ctx, &images[0], MGM_GUIDANCE_ALPHA, converted), MGM_E_INVALID);
    assert_non_null(strstr(mgm_context_error(ctx), "the mask is empty"));
    assert_int_equal(mgm_guidance_convert(ctx, &images[1], MGM_GUIDANCE_MASK, converted), MGM_E_INVALID);
    assert_non_null(strstr(mgm_context_error(ctx), "100 of 255"));
    assert_int_equal(mgm_guidance_convert(ctx, &images[1], MGM_GUIDANCE_ALPHA, converted), MGM_OK);
    assert_int_equal(mgm_guidance_convert(ctx, &images[2], MGM_GUIDANCE_TRIMAP_FG, converted), MGM_E_INVALID);
    assert_int_equal(mgm_guidance_convert(ctx, &images[2], MGM_GUIDANCE_TRIMAP, converted), MGM_OK);
}

static int set_up(void **state)
{
    return mgm_context_create((struct mgm_context **)state) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    mgm_context_destroy((struct mgm_context **)state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decisions),  cmocka_unit_test(test_decisions_16_bit),
        cmocka_unit_test(test_conversion), cmocka_unit_test(test_stride_and_depth),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
