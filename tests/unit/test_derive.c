/* Guidance derived from true mattes: kinds by name, and small pictures whose masks are known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "eval/derive.h"

#include <string.h>

static struct mgm_context context = {.threads = 1};

static void expect_kind(const char *text, enum mgm_derivation_kind kind, int size)
{
    struct mgm_derivation derivation;
    assert_true(mgm_derivation_parse(text, &derivation));
    assert_int_equal(derivation.kind, kind);
    assert_int_equal(derivation.size, size);
}

static void test_names(void **state)
{
    (void)state;
    struct mgm_derivation derivation;
    expect_kind("coarse16", MGM_DERIVE_COARSE, 16);
    expect_kind("eroded:255", MGM_DERIVE_ERODED, 255);
    expect_kind("dilated20", MGM_DERIVE_DILATED, 20);
    expect_kind("trimap", MGM_DERIVE_TRIMAP, 20);
    static const char *const wrong[] = {"",          "coarse",     "coarse0", "eroded256", "eroded:", "eroded::3",
                                        "dilated-3", "dilated1.5", "trimaps", "mask",      "10",      "eroded10 "};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        if (mgm_derivation_parse(wrong[i], &derivation))
            fail_msg("'%s' was taken for a kind of guidance", wrong[i]);
}

static void expect(const char *kind, int width, const char *alpha, const char *trimap, const char *want)
{
    /* One row: '#' 255, '.' 0, 'm' 128, 'n' 127; in trimaps '?' 128 and 'g' 100. */
    uint8_t alphas[64], trimaps[64];
    struct mgm_derivation derivation;
    for (int i = 0; i < width; i++) {
        alphas[i] = alpha[i] == '#' ? 255 : alpha[i] == 'm' ? 128 : alpha[i] == 'n' ? 127 : 0;
        if (trimap)
            trimaps[i] = trimap[i] == '#' ? 250 : trimap[i] == '?' ? 128 : trimap[i] == 'g' ? 100 : 3;
    }
    struct mgm_bitmap a = {width, 1, 1, alphas}, t = {width, 1, 1, trimaps}, out;
    assert_true(mgm_derivation_parse(kind, &derivation));
    assert_int_equal(mgm_derive_guidance(&context, derivation, &a, trimap ? &t : NULL, &out), MGM_OK);
    for (int i = 0; i < width; i++)
        if (out.data[i] != (want[i] == '#' ? 255 : want[i] == '?' ? 128 : 0))
            fail_msg("%s of %s: %d at %d, expected %s", kind, alpha, out.data[i], i, want);
    mgm_bitmap_release(&out);
}

static void test_masks(void **state)
{
    (void)state;
    expect("dilated3", 10, "..nnm.....", NULL, "...###....");
    expect("eroded3", 10, "##nm###n..", NULL, "#...##....");
    expect("dilated1", 6, "nmn##.", NULL, ".#.##.");
}

/* 7 pixels 3 times down are 2, of 3.5 pixels each; 9 times down, 4 pixels are 1. */
static void test_coarse(void **state)
{
    (void)state;
    expect("coarse3", 7, "###....", NULL, "###....");
    expect("coarse3", 7, "#.#.#..", NULL, "###....");
    expect("coarse9", 4, "#.#.", NULL, "####");
    expect("coarse9", 4, "#...", NULL, "....");
}

static void test_trimaps(void **state)
{
    (void)state;
    expect("trimap", 8, "########", "..??g###", "..???###");
    expect("trimap3", 8, "...m####", NULL, "..???###");
    struct mgm_bitmap alpha, trimap, out;
    assert_int_equal(mgm_bitmap_create(&context, 3, 2, 1, &alpha), MGM_OK);
    assert_int_equal(mgm_bitmap_create(&context, 2, 3, 1, &trimap), MGM_OK);
    assert_int_equal(mgm_derive_guidance(&context, (struct mgm_derivation){MGM_DERIVE_TRIMAP, 20}, &alpha, &trimap, &out),
                     MGM_E_SHAPE);
    assert_null(out.data);
    mgm_bitmap_release(&alpha);
    mgm_bitmap_release(&trimap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_masks),
        cmocka_unit_test(test_coarse),
        cmocka_unit_test(test_trimaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
