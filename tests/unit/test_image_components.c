/* The largest component against a flood fill, and which one wins among equals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "image/components.h"

#include <stdbool.h>
#include <string.h>

enum { UNSEEN = 255, SIDE = 40 };

/* Marks the unseen component of pixel (y, x) with `label`. @return its size */
static int flood(uint8_t *labels, int h, int w, int y, int x, bool corners, uint8_t label)
{
    if (y < 0 || y >= h || x < 0 || x >= w || labels[y * w + x] != UNSEEN)
        return 0;
    labels[y * w + x] = label;
    int size = 1;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++)
            if (corners || dy == 0 || dx == 0)
                size += flood(labels, h, w, y + dy, x + dx, corners, label);
    return size;
}

/* Leaves 1 where the first of the largest components is. */
static void keep_largest_slowly(uint8_t *mask, int h, int w, bool corners)
{
    int best = 0, best_at = -1;
    const size_t count = (size_t)h * (size_t)w;
    uint8_t *labels = mgm_alloc(count, 1);
    for (int i = 0; i < h * w; i++)
        labels[i] = mask[i] ? UNSEEN : 0;
    for (int i = 0; i < h * w; i++) {
        const int size = flood(labels, h, w, i / w, i % w, corners, 1);
        if (size > best) {
            best = size;
            best_at = i;
        }
    }
    for (int i = 0; i < h * w; i++)
        labels[i] = mask[i] ? UNSEEN : 0;
    memset(mask, 0, count);
    if (best_at >= 0)
        flood(labels, h, w, best_at / w, best_at % w, corners, 1);
    for (int i = 0; i < h * w; i++)
        mask[i] = labels[i] == 1;
    mgm_free(labels);
}

static void test_against_flood_fill(void **state)
{
    (void)state;
    static const double shares[] = {0.05, 0.3, 0.42, 0.5, 0.6, 0.9};
    struct mgm_random random = mgm_random_stream(3, 1);
    struct mgm_context ctx = {0};
    for (int round = 0; round < 600; round++) {
        uint8_t mask[SIDE * SIDE], want[SIDE * SIDE];
        const int h = mgm_random_int(&random, 1, SIDE), w = mgm_random_int(&random, 1, SIDE);
        for (int i = 0; i < h * w; i++)
            mask[i] = mgm_random_chance(&random, shares[round % 6]) ? (uint8_t)mgm_random_int(&random, 1, 255) : 0;
        memcpy(want, mask, sizeof want);
        const bool corners = round / 6 % 2;
        keep_largest_slowly(want, h, w, corners);
        assert_int_equal(mgm_keep_largest_component(&ctx, mask, h, w, corners ? MGM_CONNECT_8 : MGM_CONNECT_4), MGM_OK);
        assert_memory_equal(mask, want, (size_t)(h * w));
    }
}

static void test_corners(void **state)
{
    (void)state;
    static const uint8_t stairs[12] = {0, 0, 0, 1, /**/ 0, 0, 1, 0, /**/ 1, 1, 0, 0};
    static const uint8_t bottom[12] = {0, 0, 0, 0, /**/ 0, 0, 0, 0, /**/ 1, 1, 0, 0};
    uint8_t mask[12];
    struct mgm_context ctx = {0};
    memcpy(mask, stairs, sizeof mask);
    assert_int_equal(mgm_keep_largest_component(&ctx, mask, 3, 4, MGM_CONNECT_8), MGM_OK);
    assert_memory_equal(mask, stairs, sizeof mask);
    assert_int_equal(mgm_keep_largest_component(&ctx, mask, 3, 4, MGM_CONNECT_4), MGM_OK);
    assert_memory_equal(mask, bottom, sizeof mask);
}

static void test_first_of_equals_and_nothing(void **state)
{
    (void)state;
    uint8_t mask[6] = {0, 0, 7, /**/ 7, 0, 0};
    static const uint8_t first[6] = {0, 0, 1, /**/ 0, 0, 0}, nothing[6] = {0};
    struct mgm_context ctx = {0};
    assert_int_equal(mgm_keep_largest_component(&ctx, mask, 2, 3, MGM_CONNECT_8), MGM_OK);
    assert_memory_equal(mask, first, sizeof mask);
    memset(mask, 0, sizeof mask);
    assert_int_equal(mgm_keep_largest_component(&ctx, mask, 2, 3, MGM_CONNECT_4), MGM_OK);
    assert_memory_equal(mask, nothing, sizeof mask);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_flood_fill),
        cmocka_unit_test(test_corners),
        cmocka_unit_test(test_first_of_equals_and_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
