/*
 * The whole objective of a training step, from the heads' raw outputs to their gradients, against the same in double: three
 * levels, three losses, with merging and without, masks given or from the coarser prediction (which masks are constant for
 * the gradient).
 */
#include "check.h"

#include "base/memory.h"
#include "difference.h"
#include "loss_reference.h"
#include "train/step.h"

#include <math.h>
#include <string.h>

enum { PICTURES = 2, SIZE = 64, PLANE = SIZE * SIZE, COUNT = PICTURES * PLANE };

/* Of order 200,000 differences are judged at once, so that some lie close to 0; f32 is good to 1e-7 here. */
#define KINK_MARGIN 2e-7

/* The paper's weights of the levels, and the published code's with losses that count differently. */
static const struct mgm_objective objectives[] = {
    {.level_weight = {1, 2, 3}, .divide_by = 6, .loss_weight = {1, 1, 1}},
    {.level_weight = {1, 1, 2}, .divide_by = 5, .loss_weight = {1, 0.5, 0.8}},
};

struct step_check {
    const struct mgm_objective *objective;
    struct mgm_step_masks how;
    struct kinks kinks;
    struct mgm_batch batch;
    const uint8_t *mask[MGM_HEAD_COUNT]; /* as the step used them */
    double raw[MGM_HEAD_COUNT][COUNT], alpha[MGM_HEAD_COUNT][COUNT];
    double value[MGM_LOSS_COUNT][MGM_HEAD_COUNT];
};

static void merge(struct step_check *c)
{
    for (int head = MGM_HEAD_OS4; c->how.merge && head < MGM_HEAD_COUNT; head++)
        for (int i = 0; i < COUNT; i++)
            if (!c->mask[head][i])
                c->alpha[head][i] = c->alpha[head - 1][i];
}

/* Sums over the batch divided by how many pixels the mask has, for the Laplacian at each of its levels. */
static void judge_level(struct step_check *c, int head)
{
    const float weight[3] = {1 / mgm_network_deviation[0], 1 / mgm_network_deviation[1], 1 / mgm_network_deviation[2]};
    double l1 = 0, composition = 0, laplacian[5] = {0}, counts[5] = {0};
    for (int p = 0; p < PICTURES; p++) {
        const double *alpha = c->alpha[head] + p * PLANE;
        const float *truth = c->batch.alpha + p * PLANE;
        const uint8_t *mask = c->mask[head] + p * PLANE;
        double sums[5];
        l1 += reference_l1(&c->kinks, alpha, truth, mask, PLANE);
        composition += reference_composition(&c->kinks, alpha, truth, c->batch.fg + 3 * p * PLANE,
                                             c->batch.bg + 3 * p * PLANE, weight, mask, PLANE);
        reference_laplacian(&c->kinks, alpha, truth, mask, SIZE, SIZE, sums);
        for (int level = 0; level < 5; level++) {
            laplacian[level] += sums[level];
            for (int i = 0; i < PLANE; i++)
                counts[level] += i / SIZE % (1 << level) == 0 && i % SIZE % (1 << level) == 0 ? mask[i] : 0;
        }
    }
    c->value[MGM_LOSS_L1][head] = l1 / (counts[0] + 1e-8);
    c->value[MGM_LOSS_COMPOSITION][head] = composition / (counts[0] + 1e-8);
    c->value[MGM_LOSS_LAPLACIAN][head] = 0;
    for (int level = 0; level < 5; level++)
        c->value[MGM_LOSS_LAPLACIAN][head] += (1 << level) * laplacian[level] / (counts[level] + 1e-8);
}

static double total_loss(void *argument)
{
    struct step_check *c = argument;
    const struct mgm_objective *o = c->objective;
    double total = 0;
    kinks_restart(&c->kinks, c->kinks.frozen);
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        int stride = mgm_head_stride[head], raw_plane = PLANE / stride / stride;
        for (int p = 0; p < PICTURES; p++)
            reference_head(c->raw[head] + p * raw_plane, SIZE, SIZE, stride, c->alpha[head] + p * PLANE);
    }
    merge(c);
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        judge_level(c, head);
        for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
            total += o->loss_weight[loss] * o->level_weight[head] * c->value[loss][head] / o->divide_by;
    }
    return total;
}

/* A picture that is the composition but for noise, so that the composition loss is of the size that it has in training. */
static void draw_batch(struct mgm_random *random, struct mgm_batch *batch)
{
    fill(random, 0, 1, batch->fg, 3 * COUNT);
    fill(random, 0, 1, batch->bg, 3 * COUNT);
    fill(random, 0, 1, batch->alpha, COUNT);
    for (size_t i = 0; i < 3 * COUNT; i++) {
        float alpha = batch->alpha[i / (3 * PLANE) * PLANE + i % PLANE];
        batch->image[i] = alpha * batch->fg[i] + (1 - alpha) * batch->bg[i] + (float)mgm_random_range(random, -0.1, 0.1);
    }
}

static float raw[MGM_HEAD_COUNT][COUNT], gradient[MGM_HEAD_COUNT][COUNT];

/* Raw outputs up to ±6, so that a part is certain and the masks from the predictions have holes. */
static struct mgm_step_losses run_step(struct mgm_random *random, struct step_check *c, struct mgm_step *step)
{
    struct mgm_context ctx = {0};
    struct mgm_step_losses losses;
    const float *raws[MGM_HEAD_COUNT];
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        fill(random, -6, 6, raw[head], COUNT);
        to_double(raw[head], c->raw[head], COUNT);
        raws[head] = raw[head];
        c->mask[head] = mgm_step_mask(step, (enum mgm_head)head);
    }
    draw_batch(random, &c->batch);
    mgm_step_predict(step, raws);
    if (mgm_step_evaluate(&ctx, step, &c->batch, &c->how, c->objective, &losses) != MGM_OK)
        fail_msg("%s", ctx.error);
    c->kinks.frozen = false;
    total_loss(c);
    c->kinks.frozen = true;
    return losses;
}

static void check_objective(const struct mgm_objective *objective, bool merging, bool given)
{
    static struct step_check c;
    static uint8_t masks[2][COUNT];
    static float colours[3][3 * COUNT], truth[COUNT];
    const int dilate_os4[PICTURES] = {1, 3}, dilate_os1[PICTURES] = {2, 1};
    struct mgm_random random = mgm_random_stream(9, 1);
    struct mgm_context ctx = {0};
    struct mgm_step *step;
    assert_int_equal(mgm_step_create(&ctx, NULL, PICTURES, SIZE, 2, &step), MGM_OK);
    c.objective = objective;
    c.batch = (struct mgm_batch){
        .n = PICTURES, .size = SIZE, .image = colours[0], .fg = colours[1], .bg = colours[2], .alpha = truth};
    c.kinks = kinks_create((size_t)MGM_HEAD_COUNT * COUNT * 6);
    c.how = (struct mgm_step_masks){.merge = merging, .dilate_os4 = dilate_os4, .dilate_os1 = dilate_os1};
    fill_mask(&random, PICTURES * SIZE, SIZE, masks[0]);
    fill_mask(&random, PICTURES * SIZE, SIZE, masks[1]);
    if (given) {
        c.how.os4 = masks[0];
        c.how.os1 = masks[1];
    }

    struct mgm_step_losses losses;
    int draws = 0;
    do {
        assert_true(draws++ < 100);
        losses = run_step(&random, &c, step);
    } while (c.kinks.margin < KINK_MARGIN);
    for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
        for (int head = 0; head < MGM_HEAD_COUNT; head++)
            assert_close(mgm_loss_name((enum mgm_loss)loss), losses.value[loss][head], c.value[loss][head]);
    assert_close("objective", losses.total, total_loss(&c));

    float *gradients[MGM_HEAD_COUNT] = {gradient[0], gradient[1], gradient[2]};
    mgm_step_propagate(step, gradients);
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        int stride = mgm_head_stride[head];
        check_gradient("raw output", &random, total_loss, &c, c.raw[head], gradient[head],
                       (size_t)(COUNT / stride / stride));
    }
    kinks_release(&c.kinks);
    mgm_step_destroy(&step);
}

static void check_step(bool merging, bool given)
{
    for (size_t i = 0; i < sizeof objectives / sizeof *objectives; i++)
        check_objective(&objectives[i], merging, given);
}

static void given_masks(void **state)
{
    (void)state;
    check_step(false, true);
}

static void merged_along_given_masks(void **state)
{
    (void)state;
    check_step(true, true);
}

static void merged_along_predicted_masks(void **state)
{
    (void)state;
    check_step(true, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(given_masks),
        cmocka_unit_test(merged_along_given_masks),
        cmocka_unit_test(merged_along_predicted_masks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
