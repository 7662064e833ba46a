/* One training step against the published implementation's: heads, losses, gradients, buffers, spectral-norm vectors. */
#include "oracle.h"

#include "base/memory.h"
#include "matting/network.h"
#include "nn/train_plan.h"
#include "train/feed.h"
#include "train/step.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const levels[MGM_HEAD_COUNT] = {"os8", "os4", "os1"};

/** A case made ready: the batch with colours in [0, 1], the objective, the masks as given, the expected losses. */
struct fixture {
    const struct oracle_case *c;
    struct mgm_batch batch;
    struct mgm_objective objective;
    struct mgm_step_masks masks;
    cJSON *expected;
    struct mgm_step *step;
};

/** The cases hold normalised colours; batches do not. */
static float *colours(const struct oracle_case *c, const char *name, size_t plane)
{
    float *values = oracle_f32(c, name);
    size_t count = oracle_tensor(c, name)->count;
    for (size_t i = 0; i < count; i++) {
        size_t channel = i / plane % 3;
        values[i] = values[i] * mgm_network_deviation[channel] + mgm_network_mean[channel];
    }
    return values;
}

static void set_up(const struct oracle_case *c, struct fixture *f)
{
    const struct mgm_tensor *alpha = oracle_tensor(c, "alpha");
    const char *mode = mgm_safetensors_metadata(c->file, "mode");
    *f = (struct fixture){.c = c, .batch = {.n = (int)alpha->dims[0], .size = (int)alpha->dims[2]}};
    size_t plane = (size_t)f->batch.size * (size_t)f->batch.size;
    f->batch.image = colours(c, "image", plane);
    f->batch.fg = colours(c, "fg", plane);
    f->batch.bg = colours(c, "bg", plane);
    f->batch.alpha = oracle_f32(c, "alpha");
    f->batch.guidance = oracle_f32(c, "guidance");
    assert_non_null(mode);
    f->masks = (struct mgm_step_masks){
        .merge = strcmp(mode, "self") == 0, .os4 = oracle_u8(c, "weight_os4"), .os1 = oracle_u8(c, "weight_os1")};
    f->expected = oracle_json(c, "losses.json");
    const cJSON *weights = cJSON_GetObjectItem(f->expected, "level_weights");
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        f->objective.level_weight[head] = oracle_number(weights, levels[head]);
    f->objective.divide_by = oracle_number(f->expected, "divide_by");
    for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
        f->objective.loss_weight[loss] = 1;
    ASSERT_OK(c->ctx, mgm_step_create(c->ctx, NULL, f->batch.n, f->batch.size, 2, &f->step));
}

static void tear_down(struct fixture *f)
{
    mgm_step_destroy(&f->step);
    cJSON_Delete(f->expected);
    float *const owned[] = {f->batch.image, f->batch.fg, f->batch.bg, f->batch.alpha, f->batch.guidance};
    for (int i = 0; i < 5; i++)
        mgm_free(owned[i]);
}

static void check_losses(const struct fixture *f, const struct mgm_step_losses *losses)
{
    double worst = fabs(losses->total / oracle_number(f->expected, "loss") - 1);
    for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
        for (int head = 0; head < MGM_HEAD_COUNT; head++) {
            char name[32];
            snprintf(name, sizeof name, "%s_%s", mgm_loss_name((enum mgm_loss)loss), levels[head]);
            worst = fmax(worst, fabs(losses->value[loss][head] / oracle_number(f->expected, name) - 1));
        }
    printf("  losses: worst relative difference %.2g\n", worst);
    assert_true(worst <= 1e-5);
}

/**
 * The cases hold the published code's weights of the levels. The paper's objective is another sum of the same losses, and
 * its gradient the same sum of theirs: so with each level alone, evaluated one after another.
 */
static void check_paper_weights(struct fixture *f, float *const predictions[MGM_HEAD_COUNT])
{
    enum { LEVELS = MGM_HEAD_COUNT, PAPER = LEVELS, CODE, OBJECTIVES };
    static const double weights[OBJECTIVES][LEVELS] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}, {1, 2, 3}, {1, 1, 2}};
    static const double divide_by[OBJECTIVES] = {1, 1, 1, 6, 5};
    const size_t count = (size_t)f->batch.n * (size_t)f->batch.size * (size_t)f->batch.size;
    float *gradient[OBJECTIVES];
    struct mgm_step_losses losses;
    for (int k = 0; k < OBJECTIVES; k++) {
        struct mgm_objective objective = f->objective;
        memcpy(objective.level_weight, weights[k], sizeof weights[k]);
        objective.divide_by = divide_by[k];
        for (int head = 0; head < LEVELS; head++) /* evaluating merges them */
            memcpy(mgm_step_alpha(f->step, (enum mgm_head)head), predictions[head], count * sizeof(float));
        ASSERT_OK(f->c->ctx, mgm_step_evaluate(f->c->ctx, f->step, &f->batch, &f->masks, &objective, &losses));
        double total = 0;
        for (int head = 0; head < LEVELS; head++)
            for (int loss = 0; loss < MGM_LOSS_COUNT; loss++) {
                char name[32];
                snprintf(name, sizeof name, "%s_%s", mgm_loss_name((enum mgm_loss)loss), levels[head]);
                total += weights[k][head] * oracle_number(f->expected, name) / divide_by[k];
            }
        assert_true(fabs(losses.total / total - 1) <= 1e-5);
        gradient[k] = mgm_alloc(LEVELS * count, sizeof(float));
        assert_non_null(gradient[k]);
        for (int head = 0; head < LEVELS; head++)
            memcpy(gradient[k] + (size_t)head * count, mgm_step_alpha_gradient(f->step, (enum mgm_head)head),
                   count * sizeof(float));
    }
    for (int k = PAPER; k < OBJECTIVES; k++) {
        double worst = 0, largest = 0;
        for (size_t i = 0; i < LEVELS * count; i++) {
            double sum = 0;
            for (int level = 0; level < LEVELS; level++)
                sum += weights[k][level] / divide_by[k] * (double)gradient[level][i];
            worst = fmax(worst, fabs((double)gradient[k][i] - sum));
            largest = fmax(largest, fabs(sum));
        }
        printf("  weights of the %s: gradients within %.2g\n", k == PAPER ? "paper" : "code", worst / largest);
        assert_true(worst <= 1e-6 * largest);
    }
    for (int k = 0; k < OBJECTIVES; k++)
        mgm_free(gradient[k]);
}

/** The losses alone, from the published predictions. */
static void losses_of_given_predictions(const struct oracle_case *c, void *argument)
{
    (void)argument;
    struct fixture f;
    struct mgm_step_losses losses;
    float *predictions[MGM_HEAD_COUNT];
    set_up(c, &f);
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        char name[16];
        snprintf(name, sizeof name, "raw_%s", levels[head]);
        predictions[head] = oracle_f32(c, name);
        memcpy(mgm_step_alpha(f.step, (enum mgm_head)head), predictions[head],
               oracle_tensor(c, name)->count * sizeof *predictions[head]);
    }
    ASSERT_OK(c->ctx, mgm_step_evaluate(c->ctx, f.step, &f.batch, &f.masks, &f.objective, &losses));
    check_losses(&f, &losses);
    check_paper_weights(&f, predictions);
    for (int head = 0; head < MGM_HEAD_COUNT; head++)
        mgm_free(predictions[head]);
    tear_down(&f);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double length_of(const float *values, size_t count)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)values[i] * (double)values[i];
    return sqrt(sum);
}

/** Norms of all gradients; whole gradients of 1-D parameters, whose worst and median deviation are bounded. */
static void check_gradients(const struct oracle_case *c, const struct mgm_graph *graph, const struct mgm_params *params)
{
    double worst_norm = 0, worst = 0, *deviations = mgm_alloc((size_t)graph->param_count, sizeof *deviations);
    size_t count = 0;
    int seen = 0;
    assert_non_null(deviations);
    for (int i = 0; i < graph->param_count; i++) {
        const struct mgm_param_info *info = &graph->params[i];
        if (info->role >= MGM_PARAM_RUNNING_MEAN)
            continue;
        char name[96];
        snprintf(name, sizeof name, "grad_norm/%s", info->name);
        float *norm = oracle_f32(c, name);
        const float *gradient = params->gradients + info->offset;
        double off = fabs(length_of(gradient, info->count) - (double)norm[0]) / fmax((double)norm[0], 1e-12);
        if (off > 1e-2)
            printf("  %s: norm off by %.2g\n", info->name, off);
        worst_norm = fmax(worst_norm, off);
        mgm_free(norm);
        seen++;
        if (info->ndim != 1)
            continue;
        snprintf(name, sizeof name, "grad/%s", info->name);
        float *want = oracle_f32(c, name);
        double squares = 0, length = length_of(want, info->count);
        for (size_t k = 0; k < info->count; k++)
            squares += ((double)gradient[k] - (double)want[k]) * ((double)gradient[k] - (double)want[k]);
        deviations[count] = sqrt(squares) / fmax(length, 1e-12);
        if (deviations[count] > 5e-2)
            printf("  %s: gradient off by %.2g\n", info->name, deviations[count]);
        worst = fmax(worst, deviations[count++]);
        mgm_free(want);
    }
    qsort(deviations, count, sizeof *deviations, ascending);
    double median = deviations[count / 2];
    mgm_free(deviations);
    printf("  %d gradients: norms within %.2g; 1-D: worst %.2g, median %.2g\n", seen, worst_norm, worst, median);
    assert_true(worst_norm <= 1e-2);
    assert_true(worst <= 5e-2);
    assert_true(median <= 1.5e-2);
}

/** What forward updates: running statistics and spectral-norm vectors. Every one that the case holds must exist here. */
static void check_buffers(const struct oracle_case *c, const struct mgm_graph *graph, const struct mgm_params *params)
{
    double worst = 0;
    int seen = 0;
    for (int i = 0; i < mgm_safetensors_count(c->file); i++) {
        const struct mgm_tensor *tensor = mgm_safetensors_at(c->file, i);
        const char *slash = strchr(tensor->name, '/');
        if (!slash || (strncmp(tensor->name, "buffer_after/", 13) != 0 && strncmp(tensor->name, "sn_after/", 9) != 0) ||
            strstr(slash, "num_batches_tracked"))
            continue;
        int index = mgm_graph_find_param(graph, slash + 1);
        if (index < 0)
            fail_msg("the network has no %s", slash + 1);
        float *want = oracle_f32(c, tensor->name);
        const float *got = params->values + graph->params[index].offset;
        double largest = 1, difference = 0;
        for (size_t k = 0; k < tensor->count; k++) {
            largest = fmax(largest, fabs((double)want[k]));
            difference = fmax(difference, fabs((double)got[k] - (double)want[k]));
        }
        if (!(difference <= 1e-4 * largest))
            printf("  %s: off by %.2g (largest value %.2g)\n", tensor->name, difference, largest);
        worst = fmax(worst, difference / largest);
        mgm_free(want);
        seen++;
    }
    printf("  %d buffers and vectors: within %.2g\n", seen, worst);
    assert_true(seen > 0);
    assert_true(worst <= 1e-4);
}

static void run_step(struct fixture *f, struct mgm_train_plan *plan)
{
    const struct oracle_case *c = f->c;
    struct mgm_step_losses losses;
    const float *raw[MGM_HEAD_COUNT];
    float *gradients[MGM_HEAD_COUNT];
    size_t pixels = (size_t)f->batch.n * (size_t)f->batch.size * (size_t)f->batch.size;
    float *input = mgm_alloc(pixels * MGM_NETWORK_INPUTS, sizeof *input);
    assert_non_null(input);
    mgm_feed_pack(&f->batch, 2, input);
    ASSERT_OK(c->ctx, mgm_train_plan_forward(plan, input));
    mgm_free(input);
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        raw[head] = mgm_train_plan_output(plan, head);
        gradients[head] = mgm_train_plan_output_gradient(plan, head);
    }
    mgm_step_predict(f->step, raw);
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        char name[16], label[32];
        snprintf(name, sizeof name, "raw_%s", levels[head]);
        snprintf(label, sizeof label, "  head %s", levels[head]);
        float *want = oracle_f32(c, name);
        struct difference d = difference_f32(label, mgm_step_alpha(f->step, (enum mgm_head)head), want, pixels);
        mgm_free(want);
        assert_true(d.max <= 1e-3);
        assert_true(d.mean <= 3e-5);
    }
    ASSERT_OK(c->ctx, mgm_step_evaluate(c->ctx, f->step, &f->batch, &f->masks, &f->objective, &losses));
    check_losses(f, &losses);
    mgm_step_propagate(f->step, gradients);
    ASSERT_OK(c->ctx, mgm_train_plan_backward(plan));
}

static void whole_step(const struct oracle_case *c, void *argument)
{
    (void)argument;
    struct fixture f;
    struct mgm_graph graph = {0};
    struct mgm_params params = {0};
    struct mgm_train_plan *plan = NULL;
    set_up(c, &f);
    ASSERT_OK(c->ctx, mgm_network_build(c->ctx, 1, false, &graph));
    oracle_params(c, &graph, true, &params);
    const struct mgm_train_plan_settings settings = {
        .n = f.batch.n, .h = f.batch.size, .w = f.batch.size, .precision = MGM_PRECISION_F32, .threads = 2};
    ASSERT_OK(c->ctx, mgm_train_plan_create(c->ctx, &graph, &params, &settings, &plan));
    run_step(&f, plan);
    check_gradients(c, &graph, &params);
    check_buffers(c, &graph, &params);
    mgm_train_plan_destroy(&plan);
    mgm_params_release(&params);
    mgm_graph_release(&graph);
    tear_down(&f);
}

static void test_losses_ground_truth(void **state)
{
    (void)state;
    oracle_each("train_gt", losses_of_given_predictions, NULL);
}

static void test_losses_self_guided(void **state)
{
    (void)state;
    oracle_each("train_self", losses_of_given_predictions, NULL);
}

static void test_step_ground_truth(void **state)
{
    (void)state;
    oracle_each("train_gt", whole_step, NULL);
}

static void test_step_self_guided(void **state)
{
    (void)state;
    oracle_each("train_self", whole_step, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_ground_truth),
        cmocka_unit_test(test_losses_self_guided),
        cmocka_unit_test(test_step_ground_truth),
        cmocka_unit_test(test_step_self_guided),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
