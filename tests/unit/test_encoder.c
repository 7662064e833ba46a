/* The encoder started from another network: values land where they belong, sigma stays, the rest is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "checkpoint_file.h"
#include "near.h"

#include "matting/network.h"
#include "nn/spectral.h"
#include "train/encoder.h"
#include "weights/weights.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mgm_context *ctx;
static struct mgm_graph graph;
static struct mgm_params params, before;
static char path[64];

enum { TENSORS_MAX = 400 };
enum kind {
    SAFETENSORS,
    CHECKPOINT,
    OLD_CHECKPOINT
}; /* of the file; the latter two are .pth files, in PyTorch's two layouts */
static struct mgm_tensor_source sources[TENSORS_MAX];
static char names[TENSORS_MAX][128];
static int count;

static int set_up(void **state)
{
    (void)state;
    snprintf(path, sizeof path, "/tmp/mgm-encoder-%ld", (long)getpid());
    if (mgm_context_create(&ctx) != MGM_OK || mgm_network_build(ctx, 1, false, &graph) != MGM_OK ||
        mgm_params_create(ctx, &graph, false, &params) != MGM_OK || mgm_params_create(ctx, &graph, false, &before) != MGM_OK)
        return -1;
    mgm_params_initialise(&graph, 5, &params);
    mgm_params_initialise(&graph, 5, &before);
    count = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (int i = 0; i < count; i++)
        free((void *)(uintptr_t)sources[i].data);
    mgm_params_release(&params);
    mgm_params_release(&before);
    mgm_graph_release(&graph);
    mgm_context_destroy(&ctx);
    unlink(path);
    return 0;
}

/** A value that tells where it came from; variances are positive. */
static float value_of(int tensor, size_t i)
{
    return 0.01f + (float)((tensor * 131 + (int)(i % 9973) * 7) % 1000) / 1000;
}

/** @param cut  without the last input channel */
static void add(const char *name, const struct mgm_param_info *param, bool cut)
{
    struct mgm_tensor_source *source = &sources[count];
    assert_true(count < TENSORS_MAX);
    snprintf(names[count], sizeof names[count], "%s", name);
    *source = (struct mgm_tensor_source){.name = names[count], .dtype = MGM_DTYPE_F32, .ndim = param->ndim};
    size_t size = 1;
    for (int d = 0; d < param->ndim; d++) {
        source->dims[d] = param->dims[d];
        if (cut && (param->ndim == 4 ? d == 1 : d == 0))
            source->dims[d] = param->ndim == 4 ? 3 : 27;
        size *= (size_t)source->dims[d];
    }
    float *data = malloc(size * sizeof *data);
    assert_non_null(data);
    for (size_t i = 0; i < size; i++)
        data[i] = value_of(count, i);
    source->data = data;
    count++;
}

static enum mgm_status take(enum kind kind, struct mgm_encoder_facts *facts)
{
    struct mgm_safetensors *file = NULL;
    if (kind == SAFETENSORS)
        assert_int_equal(mgm_safetensors_write(ctx, path, sources, count, NULL, 0), MGM_OK);
    else
        write_checkpoint(path, sources, count, kind == OLD_CHECKPOINT);
    assert_int_equal(mgm_weights_open(ctx, path, &file), MGM_OK);
    const enum mgm_status status = mgm_encoder_take(ctx, &graph, file, &params, facts);
    mgm_safetensors_close(&file);
    return status;
}

static const struct mgm_param_info *param_named(const char *name)
{
    const int index = mgm_graph_find_param(&graph, name);
    assert_true(index >= 0);
    return &graph.params[index];
}

static const float *source_named(const char *name)
{
    for (int i = 0; i < count; i++)
        if (!strcmp(names[i] + (strncmp(names[i], "module.", 7) == 0 ? 7 : 0), name))
            return sources[i].data;
    fail_msg("no source %s", name);
    return NULL;
}

static float sigma_of(const struct mgm_params *of, const char *stem)
{
    char name[128];
    snprintf(name, sizeof name, "%s.module.weight_bar", stem);
    const struct mgm_param_info *weights = param_named(name);
    snprintf(name, sizeof name, "%s.module.weight_u", stem);
    const struct mgm_param_info *u = param_named(name);
    snprintf(name, sizeof name, "%s.module.weight_v", stem);
    const struct mgm_param_info *v = param_named(name);
    return mgm_spectral_sigma(of->values + weights->offset, weights->dims[0], v->dims[0], of->values + u->offset,
                              of->values + v->offset);
}

/** All of the trunk, as an ImageNet checkpoint has it: no shortcuts, no guidance channel, prefix "module.". */
static void check_published(enum kind kind)
{
    const char *prefix = kind == SAFETENSORS ? "module." : ""; /* write_checkpoint() puts it there itself */
    int trunk = 0, others = 0;
    for (int i = 0; i < graph.param_count; i++) {
        const struct mgm_param_info *param = &graph.params[i];
        char name[128];
        if (strncmp(param->name, "encoder.", 8) != 0)
            continue;
        if (strstr(param->name, "shortcut")) {
            others++;
            continue;
        }
        snprintf(name, sizeof name, "%s%s", prefix, param->name + 8);
        add(name, param,
            !strcmp(param->name, "encoder.conv1.module.weight_bar") ||
                !strcmp(param->name, "encoder.conv1.module.weight_v"));
        trunk++;
    }
    struct mgm_encoder_facts facts;
    assert_int_equal(take(kind, &facts), MGM_OK);
    assert_false(facts.plain);
    assert_int_equal(facts.taken, trunk);
    assert_int_equal(facts.extended, 2);
    assert_int_equal(facts.absent, others);
    assert_int_equal(facts.other_shape, 0);

    const struct mgm_param_info *conv1 = param_named("encoder.conv1.module.weight_bar");
    const float *got = params.values + conv1->offset, *want = source_named("conv1.module.weight_bar");
    for (int out = 0; out < 32; out++)
        for (int i = 0; i < 36; i++)
            assert_true(got[out * 36 + i] == (i < 27 ? want[out * 27 + i] : 0));
    const float *u = source_named("conv1.module.weight_u"), *v = source_named("conv1.module.weight_v");
    assert_near(sigma_of(&params, "encoder.conv1"), mgm_spectral_sigma(want, 32, 27, u, v), 1e-3);
    const struct mgm_param_info *deep = param_named("encoder.layer_bottleneck.1.conv2.module.weight_bar");
    assert_memory_equal(params.values + deep->offset, source_named("layer_bottleneck.1.conv2.module.weight_bar"),
                        deep->count * sizeof(float));
    for (int i = 0; i < graph.param_count; i++) /* everything else is as it was */
        if (strncmp(graph.params[i].name, "encoder.", 8) != 0 || strstr(graph.params[i].name, "shortcut"))
            assert_memory_equal(params.values + graph.params[i].offset, before.values + graph.params[i].offset,
                                graph.params[i].count * sizeof(float));
}

static void test_published_format(void **state)
{
    (void)state;
    check_published(SAFETENSORS);
}

/** As it is handed out: a .pth file. */
static void test_published_checkpoint(void **state)
{
    (void)state;
    check_published(CHECKPOINT);
}

static void test_published_old_checkpoint(void **state)
{
    (void)state;
    check_published(OLD_CHECKPOINT);
}

/** Some layers of a plain ResNet-34: names differ, vectors are missing, its stem does not fit. */
static void check_plain(enum kind kind)
{
    const struct mgm_param_info *conv = param_named("encoder.layer1.0.conv1.module.weight_bar"),
                                *down = param_named("encoder.layer2.0.downsample.1.module.weight_bar"),
                                *norm = param_named("encoder.layer2.0.downsample.2.running_var"),
                                *deep = param_named("encoder.layer_bottleneck.1.conv1.module.weight_bar"),
                                *scale = param_named("encoder.layer3.1.bn2.weight");
    const struct mgm_param_info stem = {.ndim = 4, .dims = {64, 3, 7, 7}}, first = {.ndim = 1, .dims = {64}};
    add("conv1.weight", &stem, false);
    add("bn1.weight", &first, false);
    add("layer1.0.conv1.weight", conv, false);
    add("layer2.0.downsample.0.weight", down, false);
    add("layer2.0.downsample.1.running_var", norm, false);
    add("layer3.1.bn2.weight", scale, false);
    add("layer4.1.conv1.weight", deep, false);
    add("layer4.2.conv1.weight", deep, false); /* a block that this encoder has not */
    struct mgm_encoder_facts facts;
    assert_int_equal(take(kind, &facts), MGM_OK);
    assert_true(facts.plain);
    assert_int_equal(facts.taken, 5);
    assert_int_equal(facts.extended, 0);
    assert_int_equal(facts.other_shape, 2);
    assert_string_equal(facts.first_other, "encoder.conv1.module.weight_bar");
    assert_memory_equal(params.values + down->offset, source_named("layer2.0.downsample.0.weight"),
                        down->count * sizeof(float));
    assert_memory_equal(params.values + norm->offset, source_named("layer2.0.downsample.1.running_var"),
                        norm->count * sizeof(float));
    assert_memory_equal(params.values + deep->offset, source_named("layer4.1.conv1.weight"), deep->count * sizeof(float));
    /* all values are positive: the largest singular value is near mean · √(rows · cols) */
    double mean = 0;
    for (size_t i = 0; i < conv->count; i++)
        mean += params.values[conv->offset + i] / (double)conv->count;
    const double least = mean * sqrt((double)conv->count);
    assert_true(sigma_of(&params, "encoder.layer1.0.conv1") > 0.99 * least);
}

static void test_plain_resnet(void **state)
{
    (void)state;
    check_plain(SAFETENSORS);
}

static void test_plain_checkpoint(void **state)
{
    (void)state;
    check_plain(CHECKPOINT);
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    struct mgm_encoder_facts facts;
    const struct mgm_param_info other = {.ndim = 1, .dims = {7}};
    add("features.0.weight", &other, false);
    assert_int_equal(take(SAFETENSORS, &facts), MGM_E_SHAPE);
    assert_non_null(strstr(mgm_context_error(ctx), "no tensor has a name"));
    add("layer1.0.bn1.weight", &other, false);
    assert_int_equal(take(SAFETENSORS, &facts), MGM_E_SHAPE);
    assert_non_null(strstr(mgm_context_error(ctx), "the shapes are others"));
    add("layer1.0.bn2.running_var", param_named("encoder.layer1.0.bn2.running_var"), false);
    ((float *)(uintptr_t)sources[count - 1].data)[3] = -1;
    assert_int_equal(take(SAFETENSORS, &facts), MGM_E_FORMAT);
    assert_non_null(strstr(mgm_context_error(ctx), "number 4 of 64"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_published_format, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_published_checkpoint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_published_old_checkpoint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plain_resnet, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_plain_checkpoint, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_does_not_fit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
