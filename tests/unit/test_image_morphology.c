/* Dilation and erosion against their definition, for sizes and pictures that published cases do not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "image/morphology.h"

#include <string.h>

/* 1 if any pixel under the ellipse (dilation) has the value `seek`; outside the picture none has. */
static int any_under(const uint8_t *src, int h, int w, int size, int y, int x, int seek)
{
    int left[MGM_ELLIPSE_MAX], right[MGM_ELLIPSE_MAX], anchor = size / 2;
    mgm_ellipse(size, left, right);
    for (int row = 0; row < size; row++) {
        int sy = y + row - anchor;
        if (sy < 0 || sy >= h)
            continue;
        for (int column = left[row]; column < right[row]; column++) {
            int sx = x + column - anchor;
            if (sx >= 0 && sx < w && (src[sy * w + sx] != 0) == seek)
                return 1;
        }
    }
    return 0;
}

static void check(struct mgm_random *random, int h, int w, int size, double share)
{
    size_t count = (size_t)h * (size_t)w;
    uint8_t *src = mgm_alloc(count, 1), *dilated = mgm_alloc(count, 1), *eroded = mgm_alloc(count, 1);
    for (size_t i = 0; i < count; i++)
        src[i] = mgm_random_chance(random, share) ? (uint8_t)mgm_random_int(random, 1, 255) : 0;
    struct mgm_context ctx = {.threads = mgm_random_int(random, 1, 3)};
    memcpy(eroded, src, count);
    assert_int_equal(mgm_dilate(&ctx, src, h, w, size, dilated), MGM_OK);
    assert_int_equal(mgm_erode(&ctx, eroded, h, w, size, eroded), MGM_OK); /* in place */
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            if (dilated[y * w + x] != any_under(src, h, w, size, y, x, 1))
                fail_msg("dilation by %d of %d × %d is wrong at (%d, %d)", size, w, h, x, y);
            if (eroded[y * w + x] != !any_under(src, h, w, size, y, x, 0))
                fail_msg("erosion by %d of %d × %d is wrong at (%d, %d)", size, w, h, x, y);
        }
    mgm_free(src);
    mgm_free(dilated);
    mgm_free(eroded);
}

static void test_definition(void **state)
{
    (void)state;
    struct mgm_random random = mgm_random_stream(1, 1);
    static const int sizes[] = {1, 2, 3, 4, 5, 6, 15, 31, 32, 63, 64, 65, 127, 128, 200, 254, 255};
    static const int widths[] = {1, 2, 63, 64, 65, 127, 128, 200, 300};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
        for (size_t i = 0; i < sizeof widths / sizeof *widths; i++) {
            int h = mgm_random_int(&random, 1, 20);
            double few = 1.0 / (sizes[s] * (sizes[s] < h ? sizes[s] : h)) / 2;
            check(&random, h, widths[i], sizes[s], few);
            check(&random, h, widths[i], sizes[s], 1 - few);
        }
}

static void test_sizes_are_checked(void **state)
{
    (void)state;
    struct mgm_context ctx = {.threads = 1};
    uint8_t pixel = 1;
    assert_int_equal(mgm_dilate(&ctx, &pixel, 1, 1, 0, &pixel), MGM_E_INVALID);
    assert_int_equal(mgm_erode(&ctx, &pixel, 1, 1, 256, &pixel), MGM_E_INVALID);
    assert_non_null(strstr(ctx.error, "256"));
    assert_int_equal(mgm_dilate(NULL, &pixel, 0, 1, 3, &pixel), MGM_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_definition), cmocka_unit_test(test_sizes_are_checked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
