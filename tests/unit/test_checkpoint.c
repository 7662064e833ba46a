/* What is saved comes back exactly; what does not belong is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "matting/network.h"
#include "train/checkpoint.h"
#include "weights/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mgm_context *ctx;
static struct mgm_graph graph;
static char path[64];

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/mgm-checkpoint-%ld.safetensors", (long)getpid());
    return mgm_context_create(&ctx) != MGM_OK || mgm_network_build(ctx, 0.1, false, &graph) != MGM_OK;
}

static int tear_down(void **state)
{
    (void)state;
    unlink(path);
    mgm_graph_release(&graph);
    mgm_context_destroy(&ctx);
    return 0;
}

static void scramble(uint64_t seed, size_t count, float *values)
{
    struct mgm_random random = mgm_random_stream(seed, 1);
    for (size_t i = 0; i < count; i++)
        values[i] = (float)mgm_random_normal(&random);
}

static void make_state(bool average, struct mgm_train_state *state)
{
    assert_int_equal(mgm_train_state_create(ctx, &graph, 3, average, state), MGM_OK);
    scramble(1, graph.value_count, state->params.values);
    scramble(2, graph.trained_count, state->optimiser.first);
    scramble(3, graph.trained_count, state->optimiser.second);
    if (average)
        scramble(4, graph.value_count, state->average);
    state->iteration = 1234567;
    state->sample = 9876543210;
    state->config_digest = 0xfedcba9876543210u;
    state->optimiser.steps = 1234560;
    state->optimiser.average_norm = 0.1;
    state->seconds = 1.0 / 3;
}

static void test_round_trip(void **unused)
{
    (void)unused;
    struct mgm_train_state saved, read;
    make_state(true, &saved);
    assert_int_equal(mgm_checkpoint_save(ctx, path, &saved), MGM_OK);
    assert_int_equal(mgm_train_state_create(ctx, &graph, 0, true, &read), MGM_OK);
    if (mgm_checkpoint_load(ctx, path, &read) != MGM_OK)
        fail_msg("%s", mgm_context_error(ctx));
    assert_memory_equal(read.params.values, saved.params.values, graph.value_count * sizeof(float));
    assert_memory_equal(read.average, saved.average, graph.value_count * sizeof(float));
    assert_memory_equal(read.optimiser.first, saved.optimiser.first, graph.trained_count * sizeof(float));
    assert_memory_equal(read.optimiser.second, saved.optimiser.second, graph.trained_count * sizeof(float));
    assert_true(read.iteration == saved.iteration && read.sample == saved.sample && read.seed == 3);
    assert_true(read.config_digest == saved.config_digest && read.optimiser.steps == saved.optimiser.steps);
    assert_true(read.optimiser.average_norm == 0.1 && read.seconds == 1.0 / 3);
    mgm_train_state_release(&saved);
    mgm_train_state_release(&read);
}

/** An average that is asked for later starts at the values. */
static void test_average_added_later(void **unused)
{
    (void)unused;
    struct mgm_train_state saved, read;
    make_state(false, &saved);
    assert_int_equal(mgm_checkpoint_save(ctx, path, &saved), MGM_OK);
    assert_int_equal(mgm_train_state_create(ctx, &graph, 0, true, &read), MGM_OK);
    assert_int_equal(mgm_checkpoint_load(ctx, path, &read), MGM_OK);
    assert_memory_equal(read.average, saved.params.values, graph.value_count * sizeof(float));
    mgm_train_state_release(&saved);
    mgm_train_state_release(&read);
}

static void test_another_width_is_refused(void **unused)
{
    (void)unused;
    struct mgm_train_state saved, read;
    struct mgm_graph wider;
    make_state(false, &saved);
    assert_int_equal(mgm_checkpoint_save(ctx, path, &saved), MGM_OK);
    assert_int_equal(mgm_network_build(ctx, 0.3, false, &wider), MGM_OK);
    assert_int_equal(mgm_train_state_create(ctx, &wider, 0, false, &read), MGM_OK);
    assert_int_equal(mgm_checkpoint_load(ctx, path, &read), MGM_E_SHAPE);
    assert_non_null(strstr(mgm_context_error(ctx), path));
    mgm_train_state_release(&saved);
    mgm_train_state_release(&read);
    mgm_graph_release(&wider);
}

static void test_truncated_is_refused(void **unused)
{
    (void)unused;
    struct mgm_train_state saved, read;
    make_state(false, &saved);
    assert_int_equal(mgm_checkpoint_save(ctx, path, &saved), MGM_OK);
    assert_int_equal(truncate(path, 5000), 0);
    assert_int_equal(mgm_train_state_create(ctx, &graph, 0, false, &read), MGM_OK);
    assert_int_equal(mgm_checkpoint_load(ctx, path, &read), MGM_E_FORMAT);
    mgm_train_state_release(&saved);
    mgm_train_state_release(&read);
}

/** Weights are safetensors too, but no checkpoint. */
static void test_other_files_are_refused(void **unused)
{
    (void)unused;
    struct mgm_train_state read;
    const float value = 1;
    const struct mgm_tensor_source tensor = {"values", MGM_DTYPE_F32, 1, {1}, &value};
    assert_int_equal(mgm_safetensors_write(ctx, path, &tensor, 1, NULL, 0), MGM_OK);
    assert_int_equal(mgm_train_state_create(ctx, &graph, 0, false, &read), MGM_OK);
    assert_int_equal(mgm_checkpoint_load(ctx, path, &read), MGM_E_FORMAT);
    assert_non_null(strstr(mgm_context_error(ctx), path));
    unlink(path);
    assert_int_equal(mgm_checkpoint_load(ctx, path, &read), MGM_E_IO);
    mgm_train_state_release(&read);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_average_added_later),
        cmocka_unit_test(test_another_width_is_refused),
        cmocka_unit_test(test_truncated_is_refused),
        cmocka_unit_test(test_other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
