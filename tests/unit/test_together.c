/*
 * Several processes with their shares of a batch train as one with all of it: the same losses, gradients, statistics and
 * values. Processes are threads here (team.h). Compiled with MGM_TEST_CUDA_EMULATED, they have the CUDA backend, on the CPU.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "team.h"

#include "base/memory.h"
#include "base/random.h"
#include "matting/network.h"
#include "nn/train_plan.h"
#include "train/learner.h"
#include "train/step.h"

#ifdef MGM_TEST_CUDA_EMULATED
#include "cuda_emulated.h"
#endif

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 4, SIZE = 64, PLANE = SIZE * SIZE, STEPS = 2 };

/** What a process ends up with. */
struct outcome {
    struct mgm_step_losses losses[STEPS];
    double norm[STEPS];
    float *gradients; /* of the first step */
    float *statistics, *values;
    size_t trained, count, statistic_count;
};

/** All that one process has. */
struct process {
    struct mgm_context ctx;
    struct mgm_backend *b;
    struct mgm_graph graph;
    struct mgm_train_state state;
    struct mgm_learner learner;
    struct mgm_train_plan *plan;
    struct mgm_step *step;
    struct mgm_batch batch;
    float *input;
    int n, first, dilate[2][N];
};

static struct outcome outcomes[N];
static uint64_t draws; /* so far; a number of what is drawn */

#define CHECK(call) TEAM_CHECK((call) == MGM_OK, &p->ctx)

/* Sample number `number` of the run, smooth enough that a guidance makes sense. */
static void draw(struct process *p, int slot, int number)
{
    struct mgm_random random = mgm_random_stream(draws, (uint64_t)number);
    const double x = mgm_random_range(&random, 16, 48), y = mgm_random_range(&random, 16, 48);
    const double radius = mgm_random_range(&random, 8, 24);
    for (int i = 0; i < PLANE; i++) {
        const size_t at = (size_t)slot * PLANE + (size_t)i;
        const double inside = radius - hypot(i % SIZE - x, i / SIZE - y);
        const float alpha = (float)(inside < -3 ? 0 : inside > 3 ? 1 : (inside + 3) / 6);
        p->batch.alpha[at] = alpha;
        p->batch.guidance[at] = inside > 2;
        p->batch.unknown[at] = fabs(inside) < 6;
        for (size_t c = 0; c < 3; c++) {
            const size_t k = ((size_t)slot * 3 + c) * PLANE + (size_t)i;
            p->batch.fg[k] = (float)mgm_random_range(&random, 0.5, 1);
            p->batch.bg[k] = (float)mgm_random_range(&random, 0, 0.6);
            p->batch.image[k] = alpha * p->batch.fg[k] + (1 - alpha) * p->batch.bg[k];
        }
    }
}

static void open_process(struct process *p, struct mgm_communicator *c)
{
    p->n = N / mgm_communicator_size(c);
    p->first = p->n * mgm_communicator_rank(c);
    const size_t bytes = (size_t)p->n * PLANE * MGM_NETWORK_INPUTS * sizeof(float);
#ifdef MGM_TEST_CUDA_EMULATED
    CHECK(mgm_cuda_emulated_create(&p->ctx, &p->b));
#else
    CHECK(mgm_backend_create(&p->ctx, "cpu", 1, &p->b));
#endif
    if (c)
        CHECK(p->b->ops->join(p->b, c));
    CHECK(mgm_network_build(&p->ctx, 0.125, false, &p->graph));
    CHECK(mgm_train_state_create(&p->ctx, &p->graph, 5, false, &p->state));
    CHECK(mgm_learner_create(p->b, &p->state, &p->learner));
    const struct mgm_train_plan_settings settings = {p->n, SIZE, SIZE, MGM_PRECISION_F32, 1, p->b};
    CHECK(mgm_train_plan_create(&p->ctx, &p->graph, &p->learner.params, &settings, &p->plan));
    CHECK(mgm_step_create(&p->ctx, p->b, p->n, SIZE, 1, &p->step));
    CHECK(mgm_batch_create(&p->ctx, p->n, SIZE, &p->batch));
    CHECK(p->b->ops->alloc(p->b, bytes, (void **)&p->input));
}

static void close_process(struct process *p)
{
    p->b->ops->release(p->b, p->input);
    mgm_batch_release(&p->batch);
    mgm_step_destroy(&p->step);
    mgm_train_plan_destroy(&p->plan);
    mgm_learner_release(&p->learner);
    mgm_train_state_release(&p->state);
    mgm_graph_release(&p->graph);
    mgm_backend_destroy(&p->b);
}

static float *copied(struct process *p, const float *values, size_t count, bool of_backend)
{
    float *copy = mgm_alloc(count, sizeof *copy);
    TEAM_CHECK(copy, &p->ctx);
    if (of_backend)
        CHECK(p->b->ops->download(p->b, copy, values, count * sizeof *copy));
    else
        memcpy(copy, values, count * sizeof *copy);
    return copy;
}

/* The running statistics of all norms, one after the other. */
static void keep_statistics(struct process *p, struct outcome *out)
{
    float *values = copied(p, p->learner.params.values, p->graph.value_count, true);
    size_t kept = 0;
    for (int i = 0; i < p->graph.param_count; i++) {
        const struct mgm_param_info *info = &p->graph.params[i];
        if (info->role != MGM_PARAM_RUNNING_MEAN && info->role != MGM_PARAM_RUNNING_VARIANCE)
            continue;
        memmove(values + kept, values + info->offset, info->count * sizeof *values);
        kept += info->count;
    }
    TEAM_CHECK(kept > 0, &p->ctx);
    out->statistics = values;
    out->statistic_count = kept;
}

/* One step of training: the first is judged where the truth says, the second where the coarser prediction does. */
static void take_step(struct process *p, int step, struct outcome *out)
{
    const struct mgm_objective objective = {{1, 2, 3}, 6, {1, 0.25, 0.5}};
    const struct mgm_optimiser_settings adam = mgm_optimiser_settings_defaults();
    const float *raw[MGM_HEAD_COUNT];
    float *raw_gradient[MGM_HEAD_COUNT];
    for (int slot = 0; slot < p->n; slot++) {
        draw(p, slot, step * N + p->first + slot);
        p->dilate[0][slot] = 3 + 2 * (p->first + slot);
        p->dilate[1][slot] = 9 - 2 * (p->first + slot);
    }
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        raw[head] = mgm_train_plan_output(p->plan, head);
        raw_gradient[head] = mgm_train_plan_output_gradient(p->plan, head);
    }
    const struct mgm_step_masks masks =
        step == 0 ? (struct mgm_step_masks){.os4 = p->batch.unknown, .os1 = p->batch.unknown}
                  : (struct mgm_step_masks){.merge = true, .dilate_os4 = p->dilate[0], .dilate_os1 = p->dilate[1]};
    CHECK(mgm_step_load(p->step, &p->batch, p->input));
    CHECK(mgm_train_plan_forward(p->plan, p->input));
    mgm_step_predict(p->step, raw);
    CHECK(mgm_step_evaluate(&p->ctx, p->step, &p->batch, &masks, &objective, &out->losses[step]));
    mgm_step_propagate(p->step, raw_gradient);
    CHECK(mgm_train_plan_backward(p->plan));
    if (step == 0)
        keep_statistics(p, out);
    CHECK(mgm_learner_update(&p->learner, &adam, 1e-5, 0, 1, &out->norm[step]));
    if (step == 0)
        out->gradients = copied(p, p->learner.params.gradients, p->graph.trained_count, true);
}

static void train(struct mgm_communicator *c, void *argument)
{
    (void)argument;
    struct process process = {0}, *p = &process;
    struct outcome *out = &outcomes[mgm_communicator_rank(c)];
    open_process(p, c);
    for (int step = 0; step < STEPS; step++)
        take_step(p, step, out);
    CHECK(mgm_learner_fetch(&p->learner));
    out->trained = p->graph.trained_count;
    out->count = p->graph.value_count;
    out->values = copied(p, p->state.params.values, out->count, false);
    close_process(p);
}

static void forget(struct outcome *outcome)
{
    mgm_free(outcome->gradients);
    mgm_free(outcome->statistics);
    mgm_free(outcome->values);
    *outcome = (struct outcome){0};
}

/* The largest of what differs, relative to what it is of. */
static double off(double have, double want)
{
    return fabs(have - want) / fabs(want);
}

static double values_off(const float *have, const float *want, size_t count)
{
    double difference = 0, square = 0;
    for (size_t i = 0; i < count; i++) {
        difference += ((double)have[i] - want[i]) * ((double)have[i] - want[i]);
        square += (double)want[i] * want[i];
    }
    return sqrt(difference / square);
}

static double losses_off(const struct outcome *have, const struct outcome *want)
{
    double most = 0;
    for (int step = 0; step < STEPS; step++) {
        const struct mgm_step_losses *a = &have->losses[step], *b = &want->losses[step];
        most = fmax(most, fmax(off(a->total, b->total), off(have->norm[step], want->norm[step])));
        for (int head = 0; head < MGM_HEAD_COUNT; head++) {
            most = fmax(most, off(a->mask_share[head], b->mask_share[head]));
            for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
                most = fmax(most, off(a->value[loss][head], b->value[loss][head]));
        }
    }
    return most;
}

/* @return the largest difference of all */
static double compare_once(int processes)
{
    double most = 0;
    draws++;
    train(NULL, NULL);
    struct outcome alone = outcomes[0];
    outcomes[0] = (struct outcome){0};
    team_run(processes, train, NULL);
    for (int rank = 0; rank < processes; rank++) {
        const struct outcome *have = &outcomes[rank];
        const double of[] = {losses_off(have, &alone), values_off(have->statistics, alone.statistics, alone.statistic_count),
                             values_off(have->gradients, alone.gradients, alone.trained),
                             values_off(have->values, alone.values, alone.count)};
        if (rank == 0)
            printf("losses %.0e, statistics %.0e, gradients %.0e, values %.0e\n", of[0], of[1], of[2], of[3]);
        for (size_t i = 0; i < sizeof of / sizeof *of; i++)
            most = of[i] <= most ? most : of[i]; /* takes what is no number, too */
        assert_memory_equal(have->values, outcomes[0].values, alone.count * sizeof(float)); /* nobody drifts away */
    }
    for (int rank = 0; rank < processes; rank++)
        forget(&outcomes[rank]);
    forget(&alone);
    return most;
}

/*
 * Typical are 1e-8 for losses and statistics, 2e-7 to 4e-6 for gradients. Now and then a value lies within rounding of a
 * kink, or of a mask's threshold, and may rightly fall on either side; then other samples are drawn. A mistake shows in all
 * of them.
 */
static void compare(int processes)
{
    double most = 1;
    for (int i = 0; i < 4 && !(most <= 1e-5); i++)
        most = compare_once(processes);
    if (!(most <= 1e-5))
        fail_msg("off by %g, four times", most);
}

static void test_two(void **state)
{
    (void)state;
    compare(2);
}

static void test_four(void **state)
{
    (void)state;
    compare(4);
}

/* ---- the communicator itself ---------------------------------------------------------------------------------------- */

static void talk(struct mgm_communicator *c, void *argument)
{
    (void)argument;
    float floats[3] = {1, (float)c->rank, -2};
    double doubles[2] = {c->rank + 0.5, 1e-3};
    char word[8] = "other";
    mgm_communicator_sum_f32(c, floats, 3);
    mgm_communicator_sum_f64(c, doubles, 2);
    TEAM_CHECK(floats[0] == 3 && floats[1] == 3 && floats[2] == -6, NULL);
    TEAM_CHECK(doubles[0] == 4.5 && fabs(doubles[1] - 3e-3) < 1e-15, NULL);
    if (c->rank == 0)
        strcpy(word, "first");
    mgm_communicator_tell(c, word, sizeof word);
    TEAM_CHECK(strcmp(word, "first") == 0, NULL);
    TEAM_CHECK(mgm_communicator_any(c, c->rank == 2) && !mgm_communicator_any(c, false), NULL);
}

static bool break_off(struct mgm_communicator *c, double *values, size_t count)
{
    (void)values, (void)count;
    snprintf(c->sentence, sizeof c->sentence, "the line is dead");
    return false;
}

static void test_communicator(void **state)
{
    (void)state;
    team_run(3, talk, NULL);
    double value = 2;
    mgm_communicator_sum_f64(NULL, &value, 1);
    assert_true(value == 2 && mgm_communicator_any(NULL, true) && !mgm_communicator_any(NULL, false));

    const struct mgm_communicator_ops ops = {.sum_f64 = break_off};
    struct mgm_communicator broken = {.ops = &ops, .size = 2};
    struct mgm_context ctx = {0};
    assert_int_equal(mgm_communicator_check(&broken, &ctx), MGM_OK);
    mgm_communicator_sum_f64(&broken, &value, 1);
    mgm_communicator_tell(&broken, &value, 1); /* which it does not have: nothing is asked of it any more */
    assert_int_equal(mgm_communicator_check(&broken, &ctx), MGM_E_BACKEND);
    assert_non_null(strstr(ctx.error, "training with 2 processes: the line is dead"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_communicator),
        cmocka_unit_test(test_two),
        cmocka_unit_test(test_four),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
