#include "onnx_file.h"

#include "oracle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Onnx__ModelProto *onnx_file_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    fseek(file, 0, SEEK_END);
    const size_t size = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, size, file), size);
    fclose(file);
    Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, size, bytes);
    free(bytes);
    assert_non_null(model);
    return model;
}

const char *onnx_file_metadata(const Onnx__ModelProto *model, const char *key)
{
    for (size_t i = 0; i < model->n_metadata_props; i++)
        if (strcmp(model->metadata_props[i]->key, key) == 0)
            return model->metadata_props[i]->value;
    return NULL;
}

const Onnx__AttributeProto *onnx_file_attribute(const Onnx__NodeProto *node, const char *name)
{
    for (size_t i = 0; i < node->n_attribute; i++)
        if (strcmp(node->attribute[i]->name, name) == 0)
            return node->attribute[i];
    return NULL;
}

struct onnx_value onnx_file_value(int ndim, const int64_t *dims)
{
    struct onnx_value value = {.ndim = ndim, .count = 1};
    assert_in_range(ndim, 0, 4);
    for (int i = 0; i < ndim; i++) {
        assert_true(dims[i] > 0);
        value.dims[i] = dims[i];
        value.count *= (size_t)dims[i];
    }
    value.values = calloc(value.count, sizeof *value.values);
    assert_non_null(value.values);
    return value;
}

static struct onnx_value from_tensor(const Onnx__TensorProto *tensor)
{
    struct onnx_value value = onnx_file_value((int)tensor->n_dims, tensor->dims);
    const bool whole = tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__INT64;
    assert_true(whole || tensor->data_type == ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
    assert_int_equal(tensor->raw_data.len, value.count * (whole ? sizeof(int64_t) : sizeof(float)));
    for (size_t i = 0; i < value.count; i++) {
        float real;
        int64_t integer;
        memcpy(&real, tensor->raw_data.data + i * sizeof real, whole ? 0 : sizeof real);
        memcpy(&integer, tensor->raw_data.data + i * sizeof integer, whole ? sizeof integer : 0);
        value.values[i] = whole ? (double)integer : (double)real;
    }
    return value;
}

static struct onnx_value *find(struct onnx_value *values, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(values[i].name, name) == 0)
            return &values[i];
    fail_msg("'%s' is read before it is computed", name);
    return NULL;
}

static struct onnx_value from_floats(const char *name, int n, int c, int h, int w, const float *floats)
{
    struct onnx_value value = onnx_file_value(4, (const int64_t[]){n, c, h, w});
    value.name = name;
    for (size_t i = 0; i < value.count; i++)
        value.values[i] = (double)floats[i];
    return value;
}

void onnx_file_run(const Onnx__ModelProto *model, int n, int h, int w, const float *image, const float *guidance,
                   struct onnx_value *outputs)
{
    const Onnx__GraphProto *graph = model->graph;
    struct onnx_value *values = calloc(2 + graph->n_initializer + graph->n_node, sizeof *values);
    size_t count = 0;
    assert_non_null(values);
    values[count++] = from_floats("image", n, 3, h, w, image);
    values[count++] = from_floats("guidance", n, 1, h, w, guidance);
    for (size_t i = 0; i < graph->n_initializer; i++, count++) {
        values[count] = from_tensor(graph->initializer[i]);
        values[count].name = graph->initializer[i]->name;
    }
    for (size_t i = 0; i < graph->n_node; i++, count++) {
        const Onnx__NodeProto *node = graph->node[i];
        struct onnx_value *in[6] = {NULL};
        assert_in_range(node->n_input, 1, 5);
        for (size_t k = 0; k < node->n_input; k++)
            in[k] = node->input[k][0] ? find(values, count, node->input[k]) : NULL;
        values[count] = onnx_file_run_node(node, in);
        values[count].name = node->output[0];
    }
    for (size_t i = 0; i < graph->n_output; i++) {
        struct onnx_value *value = find(values, count, graph->output[i]->name);
        outputs[i] = *value;
        value->values = NULL;
    }
    onnx_file_release(values, count);
    free(values);
}

void onnx_file_release(struct onnx_value *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free(values[i].values);
}
