/*
 * Heads and losses of the training step, one picture at a time, in f32, against the same in double and its
 * central differences. Pixels where f32's error could decide the sign of a difference are avoided by drawing again.
 */
#include "check.h"

#include "base/memory.h"
#include "base/random.h"
#include "difference.h"
#include "loss_reference.h"
#include "train/heads.h"
#include "train/losses.h"

#include <math.h>

enum { H = 64, W = 96, COUNT = H * W };

#define KINK_MARGIN 6e-7

struct head_check {
    int stride;
    double raw[COUNT], alpha[COUNT];
    float weights[COUNT];
};

static double head_loss(void *argument)
{
    struct head_check *check = argument;
    double sum = 0;
    reference_head(check->raw, H, W, check->stride, check->alpha);
    for (int i = 0; i < COUNT; i++)
        sum += (double)check->weights[i] * check->alpha[i];
    return sum;
}

static void heads(void **state)
{
    (void)state;
    static struct head_check check;
    static float raw[COUNT], alpha[COUNT], gradient[COUNT];
    struct mgm_random random = mgm_random_stream(3, 1);
    float *workspace = mgm_alloc(mgm_head_workspace(H, W), sizeof *workspace);
    assert_non_null(workspace);
    for (check.stride = 1; check.stride <= 8; check.stride *= 2) {
        size_t count = (size_t)(COUNT / (check.stride * check.stride));
        fill(&random, -4, 4, raw, count);
        fill(&random, -1, 1, check.weights, COUNT);
        to_double(raw, check.raw, count);
        mgm_head_forward(raw, H, W, check.stride, workspace, alpha);
        head_loss(&check);
        for (int i = 0; i < COUNT; i++)
            if (!(fabs((double)alpha[i] - check.alpha[i]) <= 1e-6))
                fail_msg("stride %d: alpha [%d] is %.9g, expected %.9g", check.stride, i, (double)alpha[i], check.alpha[i]);
        mgm_head_backward(alpha, check.weights, H, W, check.stride, workspace, gradient);
        check_gradient("raw", &random, head_loss, &check, check.raw, gradient, count);
    }
    mgm_free(workspace);
}

struct loss_check {
    enum mgm_loss loss;
    struct kinks kinks;
    float truth[COUNT], colours[2][3 * COUNT]; /* fg, bg */
    uint8_t mask[COUNT];
    double alpha[COUNT], sums[MGM_LAPLACIAN_LEVELS];
};

static const float channel_weight[3] = {4.3f, 4.4f, 4.5f}, level_weight[MGM_LAPLACIAN_LEVELS] = {1, 2.5f, 4, 7, 19};

static double single_loss(void *argument)
{
    struct loss_check *c = argument;
    kinks_restart(&c->kinks, c->kinks.frozen);
    if (c->loss == MGM_LOSS_L1)
        return reference_l1(&c->kinks, c->alpha, c->truth, c->mask, COUNT);
    if (c->loss == MGM_LOSS_COMPOSITION)
        return reference_composition(&c->kinks, c->alpha, c->truth, c->colours[0], c->colours[1], channel_weight, c->mask,
                                     COUNT);
    double sum = 0;
    reference_laplacian(&c->kinks, c->alpha, c->truth, c->mask, H, W, c->sums);
    for (int i = 0; i < MGM_LAPLACIAN_LEVELS; i++)
        sum += (double)level_weight[i] * c->sums[i];
    return sum;
}

/* The loss under test, its gradient added to what is there, times 3 (L1 and composition) or level_weight. */
static void run_loss(const struct loss_check *c, const float *alpha, float *gradient)
{
    const struct mgm_loss_colours colours = {.truth = c->truth,
                                             .fg = c->colours[0],
                                             .bg = c->colours[1],
                                             .weight = {channel_weight[0], channel_weight[1], channel_weight[2]}};
    double sums[MGM_LAPLACIAN_LEVELS], expected = single_loss((void *)(uintptr_t)c);
    if (c->loss == MGM_LOSS_L1) {
        assert_close("L1 loss", mgm_loss_l1(alpha, c->truth, c->mask, COUNT, 3, gradient), expected);
    } else if (c->loss == MGM_LOSS_COMPOSITION) {
        assert_close("composition loss", mgm_loss_composition(alpha, &colours, c->mask, COUNT, 3, gradient), expected);
    } else {
        float *workspace = mgm_alloc(mgm_laplacian_workspace(H, W), sizeof *workspace);
        assert_non_null(workspace);
        mgm_loss_laplacian(alpha, c->truth, c->mask, H, W, level_weight, workspace, sums, gradient);
        for (int i = 0; i < MGM_LAPLACIAN_LEVELS; i++)
            assert_close("level of the Laplacian loss", sums[i], c->sums[i]);
        mgm_free(workspace);
    }
}

static void losses(void **state)
{
    static struct loss_check check;
    static float alpha[COUNT], gradient[COUNT];
    struct mgm_random random = mgm_random_stream(5, 1);
    check.loss = *(const enum mgm_loss *)*state;
    check.kinks = kinks_create((size_t)3 * COUNT);
    do {
        fill(&random, 0, 1, alpha, COUNT);
        fill(&random, 0, 1, check.truth, COUNT);
        for (int i = 0; i < 2; i++)
            fill(&random, 0, 1, check.colours[i], (size_t)3 * COUNT);
        fill_mask(&random, H, W, check.mask);
        to_double(alpha, check.alpha, COUNT);
        check.kinks.frozen = false;
        single_loss(&check);
    } while (check.kinks.margin < KINK_MARGIN);
    check.kinks.frozen = true;
    for (int i = 0; i < COUNT; i++)
        gradient[i] = 0.5f;
    run_loss(&check, alpha, gradient);
    for (int i = 0; i < COUNT; i++)
        gradient[i] = (gradient[i] - 0.5f) / (check.loss == MGM_LOSS_LAPLACIAN ? 1 : 3);
    check_gradient("alpha", &random, single_loss, &check, check.alpha, gradient, COUNT);
    kinks_release(&check.kinks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        {"loss_l1", losses, NULL, NULL, &(enum mgm_loss){MGM_LOSS_L1}},
        {"loss_composition", losses, NULL, NULL, &(enum mgm_loss){MGM_LOSS_COMPOSITION}},
        {"loss_laplacian", losses, NULL, NULL, &(enum mgm_loss){MGM_LOSS_LAPLACIAN}},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
