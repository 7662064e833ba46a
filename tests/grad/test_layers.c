/*
 * Every layer, trained in f32, against the same in double: its result, what it leaves in running statistics and spectral
 * vectors, and its gradient, which is to equal the central difference of the double computation. The loss is Σ r·output
 * with r random; of each parameter's tensor some single values are moved, and then all of them at once along a random
 * direction, so that no value's gradient goes unseen.
 *
 * Where an activation is within f32's error of its kink, f32 and double may rightly disagree: inputs are drawn until none
 * is.
 *
 * Tolerances, relative to the root mean square of what is compared: f32 itself is 6e-8; summing some thousand products
 * makes it a few 1e-7 for results and up to some 1e-6 for gradients. Central differences with a step of 1e-5 in double
 * are exact to about 1e-9, as the reference keeps activations on the side of the kink where they are.
 */
#include "check.h"

#include "base/memory.h"
#include "base/random.h"
#include "cases.h"
#include "nn/train_plan.h"
#include "reference.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { HEIGHT = 32, WIDTH = 64, SINGLE_VALUES = 10 };

#define STEP               1e-5
#define KINK_MARGIN        4e-6
#define RESULT_TOLERANCE   1e-5
#define GRADIENT_TOLERANCE 2e-5

struct fixture {
    const struct grad_case *what;
    struct mgm_context ctx;
    struct mgm_graph graph;
    struct mgm_params params;
    struct mgm_train_plan *plan;
    struct mgm_random random;
    struct reference reference;
    double *values;   /* all parameters as the forward pass left them */
    double *start;    /* and as it found them */
    double **weights; /* r for each output */
    double worst_result, worst_gradient;
};

/* Nothing special: scales around 1, shifts around 0, a positive running variance. */
static void randomise(struct fixture *f)
{
    mgm_params_initialise(&f->graph, 7, &f->params);
    for (int i = 0; i < f->graph.param_count; i++) {
        const struct mgm_param_info *info = &f->graph.params[i];
        float *values = f->params.values + info->offset;
        bool positive = info->role == MGM_PARAM_NORM_SCALE || info->role == MGM_PARAM_RUNNING_VARIANCE;
        bool any = info->role == MGM_PARAM_NORM_SHIFT || info->role == MGM_PARAM_RUNNING_MEAN;
        for (size_t k = 0; k < info->count && (positive || any); k++)
            values[k] = (float)mgm_random_range(&f->random, positive ? 0.5 : -0.5, positive ? 1.5 : 0.5);
    }
}

static void keep_values(const struct fixture *f, double *dst)
{
    for (size_t i = 0; i < f->graph.value_count; i++)
        dst[i] = (double)f->params.values[i];
}

/* Pictures of different brightness and contrast, as their means are all that is left after global pooling. */
static void draw_input(struct fixture *f, float *input, size_t count)
{
    size_t picture = count / (size_t)f->reference.n;
    double offset = 0, contrast = 1;
    for (size_t i = 0; i < count; i++) {
        if (i % picture == 0) {
            offset = mgm_random_range(&f->random, -1, 2);
            contrast = mgm_random_range(&f->random, 0.3, 1.5);
        }
        input[i] = (float)(contrast * mgm_random_normal(&f->random) + offset);
        f->reference.maps[0][i] = (double)input[i];
    }
}

static void run_forward(struct fixture *f)
{
    size_t count = reference_count(&f->reference, 0);
    float *input = mgm_alloc(count, sizeof *input);
    assert_non_null(input);
    for (int draws = 0; draws == 0 || f->reference.margin < KINK_MARGIN; draws++) {
        assert_true(draws < 100);
        draw_input(f, input, count);
        keep_values(f, f->start);
        if (mgm_train_plan_forward(f->plan, input) != MGM_OK)
            fail_msg("%s: %s", f->what->name, f->ctx.error);
        keep_values(f, f->values);
        reference_forward(&f->reference, f->values, 0);
    }
    mgm_free(input);
    f->reference.frozen = true;
}

static void set_up(struct fixture *f, const struct grad_case *what)
{
    *f = (struct fixture){.what = what, .random = mgm_random_stream(11, 1)};
    int n = what->n ? what->n : 2;
    what->build(&f->graph);
    assert_int_equal(mgm_graph_finish(&f->ctx, &f->graph), MGM_OK);
    assert_int_equal(mgm_params_create(&f->ctx, &f->graph, true, &f->params), MGM_OK);
    randomise(f);
    struct mgm_train_plan_settings settings = {.n = n, .h = HEIGHT, .w = WIDTH, .precision = MGM_PRECISION_F32};
    if (mgm_train_plan_create(&f->ctx, &f->graph, &f->params, &settings, &f->plan) != MGM_OK)
        fail_msg("%s: %s", what->name, f->ctx.error);
    f->reference = reference_create(&f->graph, n, HEIGHT, WIDTH);
    f->values = mgm_alloc(f->graph.value_count, sizeof(double));
    f->start = mgm_alloc(f->graph.value_count, sizeof(double));
    f->weights = mgm_alloc_zeroed((size_t)f->graph.output_count, sizeof *f->weights);
    assert_true(f->values && f->start && f->weights);
}

static void tear_down(struct fixture *f)
{
    for (int i = 0; i < f->graph.output_count; i++)
        mgm_free(f->weights[i]);
    mgm_free(f->weights);
    mgm_free(f->values);
    mgm_free(f->start);
    reference_release(&f->reference);
    mgm_train_plan_destroy(&f->plan);
    mgm_params_release(&f->params);
    mgm_graph_release(&f->graph);
}

static void compare(struct fixture *f, const char *what, size_t count, const float *actual, const double *expected)
{
    double square = 0;
    for (size_t i = 0; i < count; i++)
        square += expected[i] * expected[i] / (double)count;
    for (size_t i = 0; i < count; i++) {
        double deviation = fabs((double)actual[i] - expected[i]) / sqrt(square);
        if (!(deviation <= RESULT_TOLERANCE))
            fail_msg("%s: %s [%zu] is %.9g, expected %.9g", f->what->name, what, i, (double)actual[i], expected[i]);
        f->worst_result = fmax(f->worst_result, deviation);
    }
}

/* Spectral vectors and running statistics are changed by the forward pass as training changes them. */
static void check_left_behind(struct fixture *f, const struct mgm_layer *layer, int index)
{
    const struct mgm_param_info *params = f->graph.params;
    double *start = f->start;
    if ((layer->op == MGM_OP_CONV || layer->op == MGM_OP_CONV_TRANSPOSE) && layer->u >= 0) {
        const struct mgm_param_info *u = &params[layer->u], *v = &params[layer->v];
        reference_power_iteration(start + params[layer->weights].offset, (int)u->count, (int)v->count, start + u->offset,
                                  start + v->offset);
        compare(f, u->name, u->count, f->params.values + u->offset, start + u->offset);
        compare(f, v->name, v->count, f->params.values + v->offset, start + v->offset);
    } else if (layer->op == MGM_OP_NORM) {
        const struct mgm_param_info *mean = &params[layer->mean], *variance = &params[layer->variance];
        double count = (double)layer->replicas * (double)(reference_count(&f->reference, index) / mean->count);
        for (size_t c = 0; c < mean->count; c++) {
            double batch_mean, batch_variance;
            reference_statistics(&f->reference, index, (int)c, &batch_mean, &batch_variance);
            start[mean->offset + c] = 0.9 * start[mean->offset + c] + 0.1 * batch_mean;
            start[variance->offset + c] = 0.9 * start[variance->offset + c] + 0.1 * batch_variance * count / (count - 1);
        }
        compare(f, mean->name, mean->count, f->params.values + mean->offset, start + mean->offset);
        compare(f, variance->name, variance->count, f->params.values + variance->offset, start + variance->offset);
    }
}

static void run_backward(struct fixture *f)
{
    for (int i = 0; i < f->graph.output_count; i++) {
        size_t count = reference_count(&f->reference, f->graph.outputs[i]);
        f->weights[i] = mgm_alloc(count, sizeof(double));
        assert_non_null(f->weights[i]);
        float *gradient = mgm_train_plan_output_gradient(f->plan, i);
        for (size_t k = 0; k < count; k++) {
            gradient[k] = (float)mgm_random_normal(&f->random);
            f->weights[i][k] = (double)gradient[k];
        }
    }
    /* Whatever was there before must be overwritten. */
    for (size_t i = 0; i < f->graph.trained_count; i++)
        f->params.gradients[i] = 1e9f;
    if (mgm_train_plan_backward(f->plan) != MGM_OK)
        fail_msg("%s: %s", f->what->name, f->ctx.error);
}

static double loss_at(struct fixture *f, int first)
{
    double loss = 0;
    reference_forward(&f->reference, f->values, first);
    for (int i = 0; i < f->graph.output_count; i++) {
        size_t count = reference_count(&f->reference, f->graph.outputs[i]);
        const double *map = f->reference.maps[f->graph.outputs[i]];
        for (size_t k = 0; k < count; k++)
            loss += f->weights[i][k] * map[k];
    }
    return loss;
}

/* The derivative along `direction` (of length 1, over the values of one parameter) by central difference. */
static double derivative(struct fixture *f, const struct mgm_param_info *info, const double *direction, int first)
{
    double loss[2], *values = f->values + info->offset;
    for (int side = 0; side < 2; side++) {
        for (size_t i = 0; i < info->count; i++)
            values[i] = (double)f->params.values[info->offset + i] + (side ? STEP : -STEP) * direction[i];
        loss[side] = loss_at(f, first);
    }
    for (size_t i = 0; i < info->count; i++)
        values[i] = (double)f->params.values[info->offset + i];
    return (loss[1] - loss[0]) / (2 * STEP);
}

static void check_gradient(struct fixture *f, int param, int first)
{
    const struct mgm_param_info *info = &f->graph.params[param];
    const float *gradient = f->params.gradients + info->offset;
    double *direction = mgm_alloc_zeroed(info->count, sizeof *direction), square = 0, length = 0;
    assert_non_null(direction);
    for (size_t i = 0; i < info->count; i++)
        square += (double)gradient[i] * (double)gradient[i] / (double)info->count;
    for (int k = 0; k <= SINGLE_VALUES; k++) {
        size_t at = mgm_random_bits(&f->random) % info->count;
        double actual = 0;
        for (size_t i = 0; i < info->count; i++) {
            direction[i] = k < SINGLE_VALUES ? i == at : mgm_random_normal(&f->random);
            length = (i ? length : 0) + direction[i] * direction[i];
        }
        for (size_t i = 0; i < info->count; i++) {
            direction[i] /= sqrt(length);
            actual += direction[i] * (double)gradient[i];
        }
        double expected = derivative(f, info, direction, first), deviation = fabs(actual - expected) / sqrt(square);
        if (!(deviation <= GRADIENT_TOLERANCE))
            fail_msg("%s: gradient by %s, %s %zu: %.9g, central difference %.9g", f->what->name, info->name,
                     k < SINGLE_VALUES ? "value" : "along a direction", at, actual, expected);
        f->worst_gradient = fmax(f->worst_gradient, deviation);
    }
    mgm_free(direction);
}

static void check_case(void **state)
{
    struct fixture f;
    set_up(&f, *state);
    run_forward(&f);
    for (int i = 0; i < f.graph.output_count; i++) {
        int output = f.graph.outputs[i];
        compare(&f, "output", reference_count(&f.reference, output), mgm_train_plan_output(f.plan, i),
                f.reference.maps[output]);
    }
    for (int i = 0; i < f.graph.layer_count; i++)
        check_left_behind(&f, &f.graph.layers[i], i);
    run_backward(&f);
    for (int i = 0; i < f.graph.layer_count; i++) {
        const struct mgm_layer *layer = &f.graph.layers[i];
        bool is_conv = layer->op == MGM_OP_CONV || layer->op == MGM_OP_CONV_TRANSPOSE, is_norm = layer->op == MGM_OP_NORM;
        const int params[2] = {is_conv ? layer->weights : layer->scale, is_conv ? layer->bias : layer->shift};
        for (int k = 0; k < 2 && (is_conv || is_norm); k++)
            if (params[k] >= 0)
                check_gradient(&f, params[k], i);
        /* The next layer's derivatives start from this one's undisturbed result. */
        reference_forward(&f.reference, f.values, i);
    }
    print_message("worst deviation: result %.1e, gradient %.1e\n", f.worst_result, f.worst_gradient);
    tear_down(&f);
}

int main(void)
{
    struct CMUnitTest tests[64];
    assert_true(grad_case_count <= 64);
    for (int i = 0; i < grad_case_count; i++)
        tests[i] = (struct CMUnitTest){
            .name = grad_cases[i].name, .test_func = check_case, .initial_state = (void *)(uintptr_t)&grad_cases[i]};
    return _cmocka_run_group_tests("layers", tests, (size_t)grad_case_count, NULL, NULL);
}
