/*
 * Weight gradients of wide maps in bf16: oneDNN's kernels for matrix tiles write past their memory at some widths
 * (nn/backends/onednn/conv_create.c). Of maps full of ones, the gradient counts the pixels that a tap meets.
 */
#include "base/memory.h"
#include "nn/backends/onednn/conv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { PICTURES = 2, CHANNELS = 8, TAPS = 9, BF16_ONE = 0x3f80 };

static enum mgm_status gradient_of_ones(struct mgm_context *ctx, int side, float *gradient)
{
    const struct mgm_conv_shape shape = {.n = PICTURES,
                                         .ih = side,
                                         .iw = side,
                                         .ic = CHANNELS,
                                         .oc = CHANNELS,
                                         .oh = side,
                                         .ow = side,
                                         .kernel = 3,
                                         .step = 1,
                                         .dilation = 1,
                                         .pad_before = 1,
                                         .pad_after = 1};
    const size_t count = (size_t)PICTURES * (size_t)side * (size_t)side * CHANNELS;
    uint16_t *ones = mgm_alloc(count, sizeof *ones);
    struct mgm_onednn *onednn = NULL;
    struct mgm_conv *conv = NULL;
    assert_non_null(ones);
    for (size_t i = 0; i < count; i++)
        ones[i] = BF16_ONE;
    assert_int_equal(mgm_onednn_create(ctx, 1, &onednn), MGM_OK);
    enum mgm_status status = mgm_conv_create_training(ctx, onednn, &shape, MGM_PRECISION_BF16, 1, false, &conv);
    if (status == MGM_OK) {
        const int previous = mgm_onednn_enter(onednn);
        for (int i = 0; i < 2 && status == MGM_OK; i++) /* what the first overwrites, the second stumbles on */
            status = mgm_conv_backward_weights(ctx, conv, ones, ones, gradient);
        mgm_onednn_leave(previous);
    }
    mgm_conv_destroy(&conv);
    mgm_onednn_destroy(&onednn);
    mgm_free(ones);
    return status;
}

static void taps_are_counted(void **state)
{
    (void)state;
    static const int sides[] = {256, 288, 320, 384};
    static float gradient[CHANNELS * CHANNELS * TAPS];
    struct mgm_context *ctx = NULL;
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    for (int s = 0; s < 4; s++) {
        const enum mgm_status status = gradient_of_ones(ctx, sides[s], gradient);
        if (status == MGM_E_UNSUPPORTED) {
            mgm_context_destroy(&ctx);
            skip(); /* the processor does not multiply bf16 */
        }
        assert_int_equal(status, MGM_OK);
        for (int i = 0; i < CHANNELS * CHANNELS * TAPS; i++) {
            const int h = sides[s] - (i % TAPS / 3 != 1), w = sides[s] - (i % 3 != 1);
            assert_true(gradient[i] == (float)(PICTURES * h * w));
        }
    }
    mgm_context_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(taps_are_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
