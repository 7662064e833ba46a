/** A head's matte against the plain formula in double. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "matting/refinement.h"

#include <math.h>

enum { H = 32, W = 48 };

static double at(const float *raw, int stride, int y, int x)
{
    const int rows = H / stride, columns = W / stride;
    const double row = fmax(0, (y + 0.5) / stride - 0.5), column = fmax(0, (x + 0.5) / stride - 0.5);
    const int y0 = (int)row, x0 = (int)column;
    const int y1 = y0 + 1 < rows ? y0 + 1 : y0, x1 = x0 + 1 < columns ? x0 + 1 : x0;
    const double top = raw[y0 * columns + x0] + (column - x0) * (raw[y0 * columns + x1] - raw[y0 * columns + x0]);
    const double bottom = raw[y1 * columns + x0] + (column - x0) * (raw[y1 * columns + x1] - raw[y1 * columns + x0]);
    return (tanh(top + (row - y0) * (bottom - top)) + 1) / 2;
}

static void test_head_to_alpha(void **state)
{
    (void)state;
    static const int strides[] = {1, 4, 8};
    static float raw[H * W], alpha[H * W];
    struct mgm_random random = mgm_random_stream(1, 1);
    for (int i = 0; i < H * W; i++)
        raw[i] = (float)mgm_random_range(&random, -4, 4);
    raw[5] = 1e9f;
    raw[9] = -1e9f;
    for (size_t s = 0; s < sizeof strides / sizeof *strides; s++) {
        mgm_head_to_alpha(raw, H, W, strides[s], alpha);
        for (int i = 0; i < H * W; i++) {
            const double want = at(raw, strides[s], i / W, i % W);
            if (!(fabs(alpha[i] - want) < 1e-6))
                fail_msg("stride %d, pixel %d: %.8f instead of %.8f", strides[s], i, (double)alpha[i], want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_head_to_alpha)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
