/* What an exported ONNX file says: its ends, its metadata, and that it is a graph that a runtime can take. */
#include "onnx_file.h"
#include "oracle.h"
#include "scarce.h"
#include "tiny_model.h"

#include "export/onnx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/mgm-onnx-XXXXXX";
static char weights[256], path[256];
static struct mgm_context *ctx;
static struct mgm_model *model;

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(folder) || mgm_context_create(&ctx) != MGM_OK)
        return -1;
    snprintf(weights, sizeof weights, "%s/weights", folder);
    snprintf(path, sizeof path, "%s/net.onnx", folder);
    write_tiny_model(weights, TINY_SAFETENSORS);
    return mgm_model_load(ctx, weights, &model) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_model_destroy(&model);
    mgm_context_destroy(&ctx);
    unlink(weights);
    unlink(path);
    return rmdir(folder);
}

static Onnx__ModelProto *export_with(struct mgm_onnx_settings settings)
{
    ASSERT_OK(ctx, mgm_onnx_export(ctx, model, &settings, path));
    return onnx_file_read(path);
}

static void test_says_what_it_is(void **state)
{
    (void)state;
    struct mgm_onnx_settings settings = mgm_onnx_settings_defaults();
    settings.opset = 17;
    Onnx__ModelProto *proto = export_with(settings);
    assert_int_equal(proto->ir_version, 7);
    assert_int_equal(proto->n_opset_import, 1);
    assert_string_equal(proto->opset_import[0]->domain ? proto->opset_import[0]->domain : "", "");
    assert_int_equal(proto->opset_import[0]->version, 17);
    assert_string_equal(proto->producer_name, "mgm");
    assert_string_equal(proto->producer_version, MGM_VERSION);
    assert_string_equal(onnx_file_metadata(proto, "architecture"), "mgm-matting");
    assert_string_equal(onnx_file_metadata(proto, "name"), "tiny");
    assert_string_equal(onnx_file_metadata(proto, "license"), "MIT");
    assert_string_equal(onnx_file_metadata(proto, "width"), "0.015625");
    assert_string_equal(onnx_file_metadata(proto, "image_mean"), "[0.485, 0.456, 0.406]");
    assert_string_equal(onnx_file_metadata(proto, "image_deviation"), "[0.229, 0.224, 0.225]");
    assert_string_equal(onnx_file_metadata(proto, "size_multiple"), "32");
    onnx__model_proto__free_unpacked(proto, NULL);
}

/** Its texts are UTF-8, whatever a weights file or its name says. */
static void test_texts_are_utf8(void **state)
{
    (void)state;
    struct mgm_model named = *model;
    static const char *const names[][2] = {{"mod\xe8le", "mod?le"},
                                           {"mod\xc3\xa8le \xf0\x9f\x90\x88", NULL},
                                           {"\xc0\xaf\xed\xa0\x80", "?????"},
                                           {"\xe2\x82", "??"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const struct mgm_onnx_settings settings = mgm_onnx_settings_defaults();
        char name[64];
        snprintf(name, sizeof name, "%s", names[i][0]);
        named.name = name;
        ASSERT_OK(ctx, mgm_onnx_export(ctx, &named, &settings, path));
        Onnx__ModelProto *proto = onnx_file_read(path);
        assert_string_equal(onnx_file_metadata(proto, "name"), names[i][1] ? names[i][1] : names[i][0]);
        onnx__model_proto__free_unpacked(proto, NULL);
    }
}

static void check_end(const Onnx__ValueInfoProto *end, const char *name, int n, int channels, int h, int w)
{
    static const char *const names[4] = {"batch", "channels", "height", "width"};
    const int sizes[4] = {n, channels, h, w};
    assert_string_equal(end->name, name);
    assert_int_equal(end->type->tensor_type->elem_type, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    const Onnx__TensorShapeProto *shape = end->type->tensor_type->shape;
    assert_int_equal(shape->n_dim, 4);
    for (int i = 0; i < 4; i++) {
        if (sizes[i])
            assert_int_equal(shape->dim[i]->dim_value, sizes[i]);
        else
            assert_string_equal(shape->dim[i]->dim_param, names[i]);
    }
}

static void check_ends(const Onnx__GraphProto *graph, int n, int h, int w)
{
    static const char *const outputs[] = {"alpha_os8", "alpha_os4", "alpha_os1", "alpha"};
    assert_int_equal(graph->n_input, 2);
    check_end(graph->input[0], "image", n, 3, h, w);
    check_end(graph->input[1], "guidance", n, 1, h, w);
    assert_int_equal(graph->n_output, 4);
    for (int i = 0; i < 4; i++)
        check_end(graph->output[i], outputs[i], n, 1, h, w);
}

static void test_ends(void **state)
{
    (void)state;
    struct mgm_onnx_settings settings = mgm_onnx_settings_defaults();
    Onnx__ModelProto *proto = export_with(settings);
    check_ends(proto->graph, 0, 0, 0);
    onnx__model_proto__free_unpacked(proto, NULL);
    settings.h = 64;
    settings.w = 96;
    proto = export_with(settings);
    check_ends(proto->graph, 1, 64, 96);
    for (size_t i = 0; i < proto->graph->n_node; i++)
        assert_string_not_equal(proto->graph->node[i]->op_type, "Shape");
    onnx__model_proto__free_unpacked(proto, NULL);
}

/* How often a name is among those that are there once the first `nodes` nodes have run. */
static int count_known(const Onnx__GraphProto *graph, size_t nodes, const char *name)
{
    int count = 0;
    for (size_t i = 0; i < graph->n_input; i++)
        count += strcmp(graph->input[i]->name, name) == 0;
    for (size_t i = 0; i < graph->n_initializer; i++)
        count += strcmp(graph->initializer[i]->name, name) == 0;
    for (size_t i = 0; i < nodes; i++)
        count += strcmp(graph->node[i]->output[0], name) == 0;
    return count;
}

static int count_readers(const Onnx__GraphProto *graph, const char *name)
{
    int count = 0;
    for (size_t i = 0; i < graph->n_node; i++)
        for (size_t k = 0; k < graph->node[i]->n_input; k++)
            count += strcmp(graph->node[i]->input[k], name) == 0;
    for (size_t i = 0; i < graph->n_output; i++)
        count += strcmp(graph->output[i]->name, name) == 0;
    return count;
}

static void check_node(const Onnx__GraphProto *graph, size_t index)
{
    const Onnx__NodeProto *node = graph->node[index];
    assert_int_equal(node->n_output, 1);
    assert_true(!node->domain || !node->domain[0]); /* standard operators only */
    for (size_t k = 0; k < node->n_input; k++)
        if (node->input[k][0] && count_known(graph, index, node->input[k]) != 1)
            fail_msg("%s reads '%s', which is not there", node->name, node->input[k]);
    assert_int_equal(count_known(graph, graph->n_node, node->output[0]), 1);
    if (count_readers(graph, node->output[0]) == 0)
        fail_msg("nothing reads '%s'", node->output[0]);
    for (size_t k = 0; k < node->n_attribute; k++)
        assert_true(node->attribute[k]->has_type);
}

static void test_graph_holds_together(void **state)
{
    (void)state;
    Onnx__ModelProto *proto = export_with(mgm_onnx_settings_defaults());
    const Onnx__GraphProto *graph = proto->graph;
    for (size_t i = 0; i < graph->n_node; i++)
        check_node(graph, i);
    for (size_t i = 0; i < graph->n_initializer; i++) {
        const Onnx__TensorProto *tensor = graph->initializer[i];
        size_t bytes = tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64 ? sizeof(int64_t) : sizeof(float);
        for (size_t d = 0; d < tensor->n_dims; d++)
            bytes *= (size_t)tensor->dims[d];
        assert_int_equal(tensor->raw_data.len, bytes);
        assert_int_equal(count_known(graph, 0, tensor->name), 1);
        assert_true(count_readers(graph, tensor->name) > 0);
    }
    for (size_t i = 0; i < graph->n_output; i++)
        assert_int_equal(count_known(graph, graph->n_node, graph->output[i]->name), 1);
    onnx__model_proto__free_unpacked(proto, NULL);
}

static void test_refuses(void **state)
{
    (void)state;
    static const struct mgm_onnx_settings wrong[] = {
        {12, 0, 0, 15, 7},    {MGM_ONNX_OPSET_MAX + 1, 0, 0, 15, 7},
        {13, 64, 0, 15, 7},   {13, 64, 65, 15, 7},
        {13, -32, 32, 15, 7}, {13, 0, 0, 0, 7},
        {13, 0, 0, 15, 256},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(mgm_onnx_export(ctx, model, &wrong[i], path), MGM_E_INVALID);
    const struct mgm_onnx_settings settings = mgm_onnx_settings_defaults();
    assert_int_equal(mgm_onnx_export(ctx, model, &settings, "/nowhere/net.onnx"), MGM_E_IO);
    assert_non_null(strstr(mgm_context_error(ctx), "/nowhere/net.onnx"));
}

/* With every allocation that can fail: no file, no crash, and a sentence; a network's repeat what the first ones do. */
static void test_memory_runs_out(void **state)
{
    (void)state;
    const struct mgm_onnx_settings settings = mgm_onnx_settings_defaults();
    enum { DENSE = 150, STEP = 41 };
    unlink(path);
    for (long count = 1;; count += count < DENSE ? 1 : STEP) {
        scarce_begin(SCARCE_OURS, count, count % 2);
        const enum mgm_status status = mgm_onnx_export(ctx, model, &settings, path);
        if (!scarce_end()) {
            ASSERT_OK(ctx, status);
            assert_true(count > DENSE);
            break;
        }
        assert_int_equal(status, MGM_E_NOMEM);
        assert_non_null(strstr(mgm_context_error(ctx), "memory"));
        assert_int_equal(access(path, F_OK), -1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_says_what_it_is),      cmocka_unit_test(test_ends),    cmocka_unit_test(test_texts_are_utf8),
        cmocka_unit_test(test_graph_holds_together), cmocka_unit_test(test_refuses), cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
