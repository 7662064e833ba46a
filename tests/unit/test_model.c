/* Models: saved, loaded and inferred from shapes; weights of another kind are refused by the name of the first offender. */
#include "oracle.h"

#include "base/memory.h"
#include "matting/model.h"
#include "matting/network.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/mgm-model-XXXXXX";
static char path[256];
static struct mgm_context *ctx;
static struct mgm_graph graph; /* of width 0.25 */
static struct mgm_params params;

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || mgm_context_create(&ctx) != MGM_OK || mgm_network_build(ctx, 0.25, false, &graph) != MGM_OK ||
        mgm_params_create(ctx, &graph, false, &params) != MGM_OK)
        return -1;
    mgm_params_initialise(&graph, 7, &params);
    snprintf(path, sizeof path, "%s/small.safetensors", folder);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_params_release(&params);
    mgm_graph_release(&graph);
    mgm_context_destroy(&ctx);
    unlink(path);
    return rmdir(folder);
}

/* What the graph's tensors look like to the writer; release with mgm_free. `prefix` goes before every name. */
static struct mgm_tensor_source *sources_of(const struct mgm_graph *of, const struct mgm_params *values, const char *prefix)
{
    static char names[1024][80];
    struct mgm_tensor_source *sources = mgm_alloc_zeroed((size_t)of->param_count + 1, sizeof *sources);
    assert_non_null(sources);
    assert_true(of->param_count < 1024);
    for (int i = 0; i < of->param_count; i++) {
        const struct mgm_param_info *param = &of->params[i];
        snprintf(names[i], sizeof names[i], "%s%s", prefix, param->name);
        sources[i] = (struct mgm_tensor_source){names[i], MGM_DTYPE_F32, param->ndim, {0}, values->values + param->offset};
        for (int d = 0; d < param->ndim; d++)
            sources[i].dims[d] = param->dims[d];
    }
    return sources;
}

static void assert_load_fails(enum mgm_status status, const char *message)
{
    struct mgm_model *model = NULL;
    enum mgm_status found = mgm_model_load(ctx, path, &model);
    if (found != status || !strstr(ctx->error, message) || strncmp(ctx->error, path, strlen(path)) != 0)
        fail_msg("status %d, message '%s'; expected %d, '%s'", found, ctx->error, status, message);
    assert_null(model);
}

static void saved_models_load(void **state)
{
    (void)state;
    static const char *const metadata[] = {"architecture", "mgm-matting", "width",   "0.25",
                                           "name",         "quarter",     "license", "MIT"};
    static const enum mgm_dtype types[3] = {MGM_DTYPE_F32, MGM_DTYPE_F16, MGM_DTYPE_BF16};
    static const double tolerance[3] = {0, 0x1p-11, 0x1p-8};
    for (int t = 0; t < 3; t++) {
        ASSERT_OK(ctx, mgm_params_save(ctx, &graph, &params, types[t], path, metadata, 4));
        struct mgm_model *model = NULL;
        ASSERT_OK(ctx, mgm_model_load(ctx, path, &model));
        struct mgm_model_facts facts = mgm_model_facts(model);
        assert_true(facts.width == 0.25);
        assert_string_equal(facts.name, "quarter");
        assert_string_equal(facts.license, "MIT");
        assert_int_equal(model->graph.value_count, graph.value_count);
        for (size_t i = 0; i < graph.value_count; i++)
            assert_true(fabs((double)model->params.values[i] - (double)params.values[i]) <=
                        tolerance[t] * fabs((double)params.values[i]) + (t == 1 ? 0x1p-25 : 0));
        mgm_model_destroy(&model);
        assert_null(model);
    }
    assert_int_equal(mgm_params_save(ctx, &graph, &params, MGM_DTYPE_U8, path, NULL, 0), MGM_E_INVALID);
}

static void width_follows_from_shapes(void **state)
{
    (void)state;
    static const double widths[] = {1, 0.5, 0.25};
    for (int i = 0; i < 3; i++) {
        struct mgm_graph other;
        struct mgm_params values;
        struct mgm_model *model = NULL;
        ASSERT_OK(ctx, mgm_network_build(ctx, widths[i], false, &other));
        ASSERT_OK(ctx, mgm_params_create(ctx, &other, false, &values));
        mgm_params_initialise(&other, 1, &values);
        ASSERT_OK(ctx, mgm_params_save(ctx, &other, &values, MGM_DTYPE_F16, path, NULL, 0));
        ASSERT_OK(ctx, mgm_model_load(ctx, path, &model));
        assert_true(mgm_model_facts(model).width == widths[i]);
        assert_string_equal(mgm_model_facts(model).name, "small");
        assert_string_equal(mgm_model_facts(model).license, "");
        if (i == 0)
            assert_int_equal(mgm_model_facts(model).parameters, 29700587); /* the published network's */
        mgm_model_destroy(&model);
        mgm_params_release(&values);
        mgm_graph_release(&other);
    }
}

/* A width that is no multiple of 1/64 is rounded up to one, with the same channels everywhere. */
static void odd_widths_keep_their_channels(void **state)
{
    (void)state;
    for (int w = 1; w <= 300; w++) {
        double width = w / 200.0, inferred = mgm_network_channels(width, 512) / 512.0;
        for (int channels = 32; channels <= 512; channels *= 2)
            assert_int_equal(mgm_network_channels(inferred, channels), mgm_network_channels(width, channels));
    }
}

static void published_names_are_accepted(void **state)
{
    (void)state;
    static const int64_t batches = 12;
    struct mgm_model *model = NULL;
    struct mgm_tensor_source *sources = sources_of(&graph, &params, "module.");
    sources[graph.param_count] =
        (struct mgm_tensor_source){"module.encoder.bn1.num_batches_tracked", MGM_DTYPE_I64, 0, {0}, &batches};
    ASSERT_OK(ctx, mgm_safetensors_write(ctx, path, sources, graph.param_count + 1, NULL, 0));
    ASSERT_OK(ctx, mgm_model_load(ctx, path, &model));
    assert_memory_equal(model->params.values, params.values, graph.value_count * sizeof(float));
    mgm_model_destroy(&model);

    sources[graph.param_count].name = "module.fc.weight";
    ASSERT_OK(ctx, mgm_safetensors_write(ctx, path, sources, graph.param_count + 1, NULL, 0));
    assert_load_fails(MGM_E_SHAPE, "tensor 'module.fc.weight' is not part of this one");
    mgm_free(sources);
}

static void offenders_are_named(void **state)
{
    (void)state;
    int first = mgm_graph_find_param(&graph, "encoder.layer1.0.conv1.module.weight_bar");
    int second = mgm_graph_find_param(&graph, "decoder.bn1.running_var");
    assert_true(first >= 0 && second > first);
    struct mgm_tensor_source *sources = sources_of(&graph, &params, ""), kept = sources[first];

    sources[second].name = "other";
    ASSERT_OK(ctx, mgm_safetensors_write(ctx, path, sources, graph.param_count, NULL, 0));
    assert_load_fails(MGM_E_SHAPE, "tensor 'decoder.bn1.running_var' is missing");

    sources[first].dims[2] = 1;
    sources[first].dims[3] = 9;
    ASSERT_OK(ctx, mgm_safetensors_write(ctx, path, sources, graph.param_count, NULL, 0));
    assert_load_fails(MGM_E_SHAPE, "tensor 'encoder.layer1.0.conv1.module.weight_bar' has the shape [16, 16, 1, 9]; "
                                   "expected [16, 16, 3, 3]");

    sources[first] = kept;
    sources[first].dtype = MGM_DTYPE_U8;
    ASSERT_OK(ctx, mgm_safetensors_write(ctx, path, sources, graph.param_count, NULL, 0));
    assert_load_fails(MGM_E_FORMAT, "'encoder.layer1.0.conv1.module.weight_bar' is of type U8");

    float *spoilt = mgm_alloc(graph.params[first].count, sizeof *spoilt);
    assert_non_null(spoilt);
    memcpy(spoilt, kept.data, graph.params[first].count * sizeof *spoilt);
    spoilt[5] = NAN;
    sources[first] = kept;
    sources[first].data = spoilt;
    sources[second].name = graph.params[second].name;
    ASSERT_OK(ctx, mgm_safetensors_write(ctx, path, sources, graph.param_count, NULL, 0));
    assert_load_fails(MGM_E_SHAPE,
                      "'encoder.layer1.0.conv1.module.weight_bar' has a value that is not finite (number 6 of 2304)");

    spoilt[5] = -1;
    sources[first] = kept;
    sources[second].data = spoilt + 5;
    ASSERT_OK(ctx, mgm_safetensors_write(ctx, path, sources, graph.param_count, NULL, 0));
    assert_load_fails(MGM_E_SHAPE, "'decoder.bn1.running_var' has a negative variance (number 1 of 8)");
    mgm_free(spoilt);
    mgm_free(sources);
}

static void metadata_decide(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        enum mgm_status status;
        const char *message;
    } cases[] = {
        {"architecture", "unet", MGM_E_UNSUPPORTED, "weights of the architecture 'unet'; expected 'mgm-matting'"},
        {"width", "wide", MGM_E_FORMAT, "metadata 'width' is 'wide'"},
        {"width", "-1", MGM_E_FORMAT, "metadata 'width' is '-1'"},
        {"width", "nan", MGM_E_FORMAT, "metadata 'width' is 'nan'"},
        {"width", "1e9", MGM_E_FORMAT, "at most 8"},
        {"width", "0.25x", MGM_E_FORMAT, "metadata 'width' is '0.25x'"},
        {"fusion", "linear", MGM_E_UNSUPPORTED, "metadata 'fusion' is 'linear'; expected 'refinement', 'none' or"},
        {"fusion", "convolution", MGM_E_SHAPE, "tensor 'decoder.fusion.0.weight' is missing"},
        {"width", "1", MGM_E_SHAPE, "'encoder.conv1.module.weight_bar' has the shape [8, 4, 3, 3]; expected [32, 4, 3, 3]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *const metadata[2] = {cases[i].key, cases[i].value};
        ASSERT_OK(ctx, mgm_params_save(ctx, &graph, &params, MGM_DTYPE_F16, path, metadata, 1));
        assert_load_fails(cases[i].status, cases[i].message);
    }
}

/* Each as its metadata say, and no other way. */
static void fusions_load(void **state)
{
    (void)state;
    struct mgm_graph fused;
    struct mgm_params values;
    struct mgm_model *model = NULL;
    ASSERT_OK(ctx, mgm_network_build_fused(ctx, 0.25, MGM_FUSE_BY_CONVOLUTION, &fused));
    ASSERT_OK(ctx, mgm_params_create(ctx, &fused, false, &values));
    mgm_params_initialise(&fused, 7, &values);
    for (int i = 0; i < MGM_HEAD_FUSION_COUNT; i++) {
        const bool by_convolution = i == MGM_FUSE_BY_CONVOLUTION;
        const char *const metadata[2] = {"fusion", mgm_head_fusion_names[i]};
        ASSERT_OK(ctx, mgm_params_save(ctx, by_convolution ? &fused : &graph, by_convolution ? &values : &params,
                                       MGM_DTYPE_F32, path, metadata, 1));
        ASSERT_OK(ctx, mgm_model_load(ctx, path, &model));
        assert_int_equal(model->fusion, i);
        assert_int_equal(mgm_graph_find_param(&model->graph, "decoder.fusion.3.bias") >= 0, by_convolution);
        mgm_model_destroy(&model);
    }
    ASSERT_OK(ctx, mgm_params_save(ctx, &fused, &values, MGM_DTYPE_F32, path, NULL, 0));
    assert_load_fails(MGM_E_SHAPE, "'decoder.refine_OS1.3.weight' is missing");
    mgm_params_release(&values);
    mgm_graph_release(&fused);
}

static void other_networks_are_refused(void **state)
{
    (void)state;
    static float values[1024];
    struct mgm_tensor_source tensors[2] = {{"conv1.weight", MGM_DTYPE_F32, 1, {64}, values},
                                           {"encoder.layer_bottleneck.0.bn1.weight", MGM_DTYPE_F32, 1, {512}, values}};
    ASSERT_OK(ctx, mgm_safetensors_write(ctx, path, tensors, 2, NULL, 0));
    assert_load_fails(MGM_E_SHAPE, "tensor 'encoder.bn1.weight' is missing");
    tensors[0].name = "encoder.bn1.weight";
    ASSERT_OK(ctx, mgm_safetensors_write(ctx, path, tensors, 2, NULL, 0));
    assert_load_fails(MGM_E_SHAPE, "'encoder.bn1.weight' has 64 values");
    tensors[0].dims[0] = 30;
    ASSERT_OK(ctx, mgm_safetensors_write(ctx, path, tensors, 2, NULL, 0));
    assert_load_fails(MGM_E_SHAPE, "'encoder.bn1.weight' should have one dimension");
}

/* A published case's weights, drawn by its recipe and completed with its small tensors, survive being saved and loaded. */
static void check_recipe(const struct oracle_case *c, void *argument)
{
    (void)argument;
    struct mgm_graph whole;
    struct mgm_params filled;
    double width = 0;
    char *small_path = oracle_beside(c, "small_tensors.safetensors");
    struct mgm_safetensors *small = NULL;
    ASSERT_OK(c->ctx, mgm_safetensors_open(c->ctx, small_path, &small));
    ASSERT_OK(c->ctx, mgm_infer_width(c->ctx, small, &width));
    mgm_safetensors_close(&small);
    mgm_free(small_path);
    ASSERT_OK(c->ctx, mgm_network_build(c->ctx, width, false, &whole));
    oracle_params(c, &whole, false, &filled);

    ASSERT_OK(c->ctx, mgm_params_save(c->ctx, &whole, &filled, MGM_DTYPE_F32, path, NULL, 0));
    struct mgm_model *model = NULL;
    ASSERT_OK(c->ctx, mgm_model_load(c->ctx, path, &model));
    assert_true(model->width == width);
    assert_memory_equal(model->params.values, filled.values, whole.value_count * sizeof(float));
    mgm_model_destroy(&model);
    mgm_params_release(&filled);
    mgm_graph_release(&whole);
}

static void recipe_weights_load(void **state)
{
    (void)state;
    oracle_each("net", check_recipe, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(saved_models_load),
        cmocka_unit_test(width_follows_from_shapes),
        cmocka_unit_test(odd_widths_keep_their_channels),
        cmocka_unit_test(published_names_are_accepted),
        cmocka_unit_test(offenders_are_named),
        cmocka_unit_test(metadata_decide),
        cmocka_unit_test(fusions_load),
        cmocka_unit_test(other_networks_are_refused),
        cmocka_unit_test(recipe_weights_load),
    };
    return cmocka_run_group_tests_name("model", tests, set_up, tear_down);
}
