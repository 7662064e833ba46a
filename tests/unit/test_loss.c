/* Each loss against a direct computation, each gradient against what it claims to be; heads and merging likewise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/memory.h"
#include "base/random.h"
#include "train/heads.h"
#include "train/step.h"

#include <math.h>
#include <string.h>

enum { SIZE = 64, PLANE = SIZE * SIZE };

static float *noise(uint64_t seed, size_t count, double low, double high)
{
    struct mgm_random random = mgm_random_stream(seed, 7);
    float *values = mgm_alloc(count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)mgm_random_range(&random, low, high);
    return values;
}

static uint8_t *some_mask(uint64_t seed)
{
    struct mgm_random random = mgm_random_stream(seed, 8);
    uint8_t *mask = mgm_alloc(PLANE, 1);
    assert_non_null(mask);
    for (int i = 0; i < PLANE; i++)
        mask[i] = mgm_random_chance(&random, 0.6);
    return mask;
}

static void test_l1(void **state)
{
    (void)state;
    const float alpha[5] = {0.5f, 1, 0, 0.25f, 0.75f}, truth[5] = {0.25f, 1, 1, 0.5f, 0};
    const uint8_t mask[5] = {1, 1, 1, 1, 0};
    float gradient[5] = {1, 1, 1, 1, 1};
    double sum = mgm_loss_l1(alpha, truth, mask, 5, 0.5f, gradient);
    const float want[5] = {1.5f, 1, 0.5f, 0.5f, 1}; /* added to what was there; 0 where the difference is 0 */
    assert_true(fabs(sum - 1.5) < 1e-6);
    assert_memory_equal(gradient, want, sizeof want);
}

static void test_composition(void **state)
{
    (void)state;
    /* One pixel set, one masked out; three channels, each with its own weight. */
    const float alpha[2] = {0.5f, 0.5f};
    const float fg[6] = {1, 1, 0, 0, 0.5f, 0}, bg[6] = {0, 0, 1, 0, 0.5f, 0}, truth[2] = {0.25f, 9};
    const struct mgm_loss_colours colours = {truth, fg, bg, {2, 4, 8}};
    const uint8_t mask[2] = {1, 0};
    float gradient[2] = {0};
    double sum = mgm_loss_composition(alpha, &colours, mask, 2, 10, gradient);
    assert_true(fabs(sum - (2 * 0.25 + 4 * 0.25 + 8 * 0)) < 1e-6);
    assert_true(fabs((double)gradient[0] - 10 * (2 * 1 + 4 * 1 + 8 * 0)) < 1e-5);
    assert_true(gradient[1] == 0);
}

/** The published way, in double: the full filter, every second pixel, zeros inserted, the filter four times as strong. */
static void filter(const double *src, int size, double gain, double *dst)
{
    static const double kernel[5] = {1, 4, 6, 4, 1};
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            double sum = 0;
            for (int i = -2; i <= 2; i++)
                for (int j = -2; j <= 2; j++) {
                    int v = y + i, u = x + j;
                    v = v < 0 ? -v : v >= size ? 2 * size - 2 - v : v;
                    u = u < 0 ? -u : u >= size ? 2 * size - 2 - u : u;
                    sum += kernel[i + 2] * kernel[j + 2] / 256 * gain * src[v * size + u];
                }
            dst[y * size + x] = sum;
        }
}

static void plain_laplacian(const float *alpha, const float *truth, const uint8_t *mask, double sums[MGM_LAPLACIAN_LEVELS])
{
    static double current[PLANE], filtered[PLANE], spread[PLANE];
    for (int i = 0; i < PLANE; i++)
        current[i] = (double)alpha[i] - (double)truth[i];
    for (int level = 0, size = SIZE; level < MGM_LAPLACIAN_LEVELS; level++, size /= 2) {
        double half[PLANE / 4];
        filter(current, size, 1, filtered);
        memset(spread, 0, sizeof spread);
        for (int y = 0; y < size; y += 2)
            for (int x = 0; x < size; x += 2)
                spread[y * size + x] = half[y / 2 * (size / 2) + x / 2] = filtered[y * size + x];
        filter(spread, size, 4, filtered);
        sums[level] = 0;
        for (int y = 0; y < size; y++)
            for (int x = 0; x < size; x++)
                sums[level] +=
                    fabs(current[y * size + x] - filtered[y * size + x]) * mask[(y << level) * SIZE + (x << level)];
        memcpy(current, half, sizeof half);
    }
}

static void test_laplacian_value(void **state)
{
    (void)state;
    float *alpha = noise(1, PLANE, 0, 1), *truth = noise(2, PLANE, 0, 1), *gradient = noise(3, PLANE, 0, 0);
    float *workspace = mgm_alloc(mgm_laplacian_workspace(SIZE, SIZE), sizeof(float));
    uint8_t *mask = some_mask(4);
    const float scale[MGM_LAPLACIAN_LEVELS] = {1, 1, 1, 1, 1};
    double sums[MGM_LAPLACIAN_LEVELS], want[MGM_LAPLACIAN_LEVELS];
    mgm_loss_laplacian(alpha, truth, mask, SIZE, SIZE, scale, workspace, sums, gradient);
    plain_laplacian(alpha, truth, mask, want);
    for (int level = 0; level < MGM_LAPLACIAN_LEVELS; level++)
        assert_true(fabs(sums[level] / want[level] - 1) < 1e-5);
    mgm_free(alpha);
    mgm_free(truth);
    mgm_free(gradient);
    mgm_free(workspace);
    mgm_free(mask);
}

/**
 * Where no |·| changes sign the loss is linear, so the gradient must give the difference for a large step too. One pixel of
 * each distance from the border is moved.
 */
static void test_laplacian_gradient(void **state)
{
    (void)state;
    static const int at[] = {0, 1, 2, 3, 5, 16, 31, 32, 47, 58, 60, 61, 62, 63};
    float *alpha = noise(5, PLANE, -1000, 1000), *truth = noise(6, PLANE, 0, 0), *gradient = noise(7, PLANE, 0, 0);
    float *unused = noise(7, PLANE, 0, 0), *workspace = mgm_alloc(mgm_laplacian_workspace(SIZE, SIZE), sizeof(float));
    uint8_t *mask = some_mask(9);
    const float scale[MGM_LAPLACIAN_LEVELS] = {1, 2, 4, 8, 16};
    double sums[MGM_LAPLACIAN_LEVELS], before[MGM_LAPLACIAN_LEVELS], after[MGM_LAPLACIAN_LEVELS];
    mgm_loss_laplacian(alpha, truth, mask, SIZE, SIZE, scale, workspace, sums, gradient);
    for (size_t i = 0; i < sizeof at / sizeof *at * sizeof at / sizeof *at; i++) {
        int pixel = at[i / (sizeof at / sizeof *at)] * SIZE + at[i % (sizeof at / sizeof *at)];
        float kept = alpha[pixel];
        double difference = 0;
        alpha[pixel] = kept + 1.0f / 16;
        plain_laplacian(alpha, truth, mask, after);
        alpha[pixel] = kept - 1.0f / 16;
        plain_laplacian(alpha, truth, mask, before);
        alpha[pixel] = kept;
        for (int level = 0; level < MGM_LAPLACIAN_LEVELS; level++)
            difference += (double)scale[level] * (after[level] - before[level]) * 8;
        assert_true(fabs(difference - (double)gradient[pixel]) < 2e-3);
    }
    mgm_free(alpha);
    mgm_free(truth);
    mgm_free(gradient);
    mgm_free(unused);
    mgm_free(workspace);
    mgm_free(mask);
}

/** Every second pixel of a mask with a known pattern. */
static void test_mask_counts(void **state)
{
    (void)state;
    static uint8_t mask[PLANE];
    uint64_t counts[MGM_LAPLACIAN_LEVELS];
    for (int i = 0; i < PLANE; i++)
        mask[i] = i / SIZE % 4 == 0 && i % SIZE % 4 == 0;
    mgm_laplacian_mask_counts(mask, SIZE, SIZE, counts);
    const uint64_t want[MGM_LAPLACIAN_LEVELS] = {256, 256, 256, 64, 16};
    assert_memory_equal(counts, want, sizeof want);
}

/** Forward against the formula in double; backward against it as its adjoint: <dα, J·x> = <Jᵀ·dα, x>. */
static void check_head(int stride)
{
    int side = SIZE / stride;
    size_t raw_count = (size_t)side * (size_t)side;
    float *raw = noise(20, raw_count, -3, 3), *direction = noise(21, raw_count, -1, 1), *back = noise(1, raw_count, 0, 0);
    float *alpha = noise(1, PLANE, 0, 0), *cotangent = noise(22, PLANE, -1, 1);
    float *workspace = mgm_alloc(mgm_head_workspace(SIZE, SIZE), sizeof(float));
    double along = 0, pulled = 0;
    mgm_head_forward(raw, SIZE, SIZE, stride, workspace, alpha);
    mgm_head_backward(alpha, cotangent, SIZE, SIZE, stride, workspace, back);
    for (int y = 0; y < SIZE; y++)
        for (int x = 0; x < SIZE; x++) {
            double v = fmax(0, (y + 0.5) / stride - 0.5), u = fmax(0, (x + 0.5) / stride - 0.5), value = 0, change = 0;
            for (int k = 0; k < 4; k++) {
                int row = (int)v + k / 2, column = (int)u + k % 2;
                double weight = (k / 2 ? v - floor(v) : 1 - v + floor(v)) * (k % 2 ? u - floor(u) : 1 - u + floor(u));
                int index = (row < side ? row : side - 1) * side + (column < side ? column : side - 1);
                value += weight * (double)raw[index];
                change += weight * (double)direction[index];
            }
            double want = (tanh(value) + 1) / 2;
            assert_true(fabs((double)alpha[y * SIZE + x] - want) < 1e-6);
            along += (double)cotangent[y * SIZE + x] * 2 * want * (1 - want) * change;
        }
    for (size_t i = 0; i < raw_count; i++)
        pulled += (double)back[i] * (double)direction[i];
    assert_true(fabs(along - pulled) < 1e-5 * PLANE / stride);
    assert_true(fabs(along) > 1e-2);
    mgm_free(raw);
    mgm_free(direction);
    mgm_free(back);
    mgm_free(alpha);
    mgm_free(cotangent);
    mgm_free(workspace);
}

static void test_heads(void **state)
{
    (void)state;
    check_head(1);
    check_head(4);
    check_head(8);
}

static void test_tanh_over_its_range(void **state)
{
    (void)state;
    float raw[PLANE], alpha[PLANE], workspace[PLANE];
    for (int i = 0; i < PLANE; i++)
        raw[i] = (float)(i - PLANE / 2) / 100;
    raw[0] = -1e30f;
    raw[1] = 1e30f;
    mgm_head_forward(raw, SIZE, SIZE, 1, workspace, alpha);
    for (int i = 0; i < PLANE; i++) {
        assert_true(fabs((double)alpha[i] - (tanh((double)raw[i]) + 1) / 2) < 5e-7);
        assert_true(alpha[i] >= 0 && alpha[i] <= 1);
    }
}

/** With merging, a pixel outside the finest mask must send its gradient to the coarsest level that was kept, and only there.
 */
static void test_merging_moves_gradients(void **state)
{
    (void)state;
    struct mgm_context *ctx = NULL;
    struct mgm_step *step = NULL;
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    assert_int_equal(mgm_step_create(ctx, NULL, 1, SIZE, 1, &step), MGM_OK);
    float *truth = noise(30, PLANE, 0, 0), *none = noise(1, 3 * PLANE, 0, 0);
    struct mgm_batch batch = {.n = 1, .size = SIZE, .image = none, .fg = none, .bg = none, .alpha = truth};
    uint8_t os4[PLANE] = {0}, os1[PLANE] = {0};
    os4[0] = os1[0] = os4[1] = 1; /* pixel 0: finest; pixel 1: stride 4 kept; others: stride 8 kept */
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        for (int i = 0; i < PLANE; i++)
            mgm_step_alpha(step, (enum mgm_head)head)[i] = 0.2f + 0.1f * (float)head;
    const struct mgm_step_masks masks = {.merge = true, .os4 = os4, .os1 = os1};
    const struct mgm_objective objective = {{0, 0, 1}, 1, {0, 0, 1}}; /* the Laplacian loss of the finest level alone */
    struct mgm_step_losses losses;
    assert_int_equal(mgm_step_evaluate(ctx, step, &batch, &masks, &objective, &losses), MGM_OK);
    const float *g8 = mgm_step_alpha_gradient(step, MGM_HEAD_OS8), *g4 = mgm_step_alpha_gradient(step, MGM_HEAD_OS4);
    const float *g1 = mgm_step_alpha_gradient(step, MGM_HEAD_OS1);
    assert_true(mgm_step_alpha(step, MGM_HEAD_OS1)[1] == 0.3f && mgm_step_alpha(step, MGM_HEAD_OS1)[2] == 0.2f);
    assert_true(g1[0] != 0 && g1[1] == 0 && g1[2] == 0);
    assert_true(g4[0] == 0 && g4[1] != 0 && g4[2] == 0);
    assert_true(g8[0] == 0 && g8[1] == 0 && g8[2] != 0);
    assert_true(losses.total == losses.value[MGM_LOSS_LAPLACIAN][MGM_HEAD_OS1]);
    mgm_free(truth);
    mgm_free(none);
    mgm_step_destroy(&step);
    mgm_context_destroy(&ctx);
}

/** The mask from the coarser prediction: uncertain pixels, dilated by the size asked for. */
static void test_self_guided_masks(void **state)
{
    (void)state;
    struct mgm_context *ctx = NULL;
    struct mgm_step *step = NULL;
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    assert_int_equal(mgm_step_create(ctx, NULL, 1, SIZE, 1, &step), MGM_OK);
    float *zero = noise(1, 3 * PLANE, 0, 0);
    struct mgm_batch batch = {.n = 1, .size = SIZE, .image = zero, .fg = zero, .bg = zero, .alpha = zero};
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        memset(mgm_step_alpha(step, (enum mgm_head)head), 0, PLANE * sizeof(float));
    mgm_step_alpha(step, MGM_HEAD_OS8)[20 * SIZE + 20] = 0.5f;
    const int five = 5, one = 1;
    const struct mgm_step_masks masks = {.merge = true, .dilate_os4 = &five, .dilate_os1 = &one};
    const struct mgm_objective objective = {{1, 1, 1}, 1, {1, 0, 0}};
    struct mgm_step_losses losses;
    assert_int_equal(mgm_step_evaluate(ctx, step, &batch, &masks, &objective, &losses), MGM_OK);
    const uint8_t *os4 = mgm_step_mask(step, MGM_HEAD_OS4), *os1 = mgm_step_mask(step, MGM_HEAD_OS1);
    assert_true(os4[20 * SIZE + 20] && os4[18 * SIZE + 20] && os4[20 * SIZE + 22] && !os4[17 * SIZE + 20]);
    for (int i = 0; i < PLANE; i++)
        assert_false(os1[i]); /* the merged matte is certain everywhere: stride 4 says 0 where it was asked */
    mgm_free(zero);
    mgm_step_destroy(&step);
    mgm_context_destroy(&ctx);
}

static void test_refuses_sizes(void **state)
{
    (void)state;
    struct mgm_context *ctx = NULL;
    struct mgm_step *step = NULL;
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    assert_int_equal(mgm_step_create(ctx, NULL, 1, 32, 1, &step), MGM_E_INVALID);
    assert_int_equal(mgm_step_create(ctx, NULL, 1, 72, 1, &step), MGM_E_INVALID);
    assert_null(step);
    mgm_context_destroy(&ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_l1),
        cmocka_unit_test(test_composition),
        cmocka_unit_test(test_laplacian_value),
        cmocka_unit_test(test_laplacian_gradient),
        cmocka_unit_test(test_mask_counts),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_tanh_over_its_range),
        cmocka_unit_test(test_merging_moves_gradients),
        cmocka_unit_test(test_self_guided_masks),
        cmocka_unit_test(test_refuses_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
