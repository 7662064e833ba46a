#include "export/onnx_build.h"

#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void mgm_onnx_begin(struct mgm_onnx_build *b, struct mgm_context *ctx)
{
    *b = (struct mgm_onnx_build){.ctx = ctx, .graph = ONNX__GRAPH_PROTO__INIT};
}

void mgm_onnx_release(struct mgm_onnx_build *b)
{
    for (size_t i = 0; i < b->owned_count; i++)
        mgm_free(b->owned[i]);
    mgm_free(b->owned);
    *b = (struct mgm_onnx_build){0};
}

/* Room for one more of a list that is full whenever its count is a power of two. @return the list, which may have moved */
static void **grow(void **list, size_t count)
{
    if (count & (count - 1)) /* 0 too must go on */
        return list;
    void **larger = mgm_alloc(count ? 2 * count : 1, sizeof *larger);
    if (larger && count)
        memcpy(larger, list, count * sizeof *larger);
    return larger;
}

void *mgm_onnx_alloc(struct mgm_onnx_build *b, size_t count, size_t size)
{
    if (b->failed)
        return NULL;
    void **owned = grow(b->owned, b->owned_count);
    void *memory = owned ? mgm_alloc(count, size) : NULL;
    if (owned && owned != b->owned) {
        mgm_free(b->owned);
        b->owned = owned;
    }
    if (!memory) {
        b->failed = true;
        return NULL;
    }
    return b->owned[b->owned_count++] = memory;
}

void mgm_onnx_append(struct mgm_onnx_build *b, void *list, size_t *count, void *item)
{
    void **array;
    memcpy(&array, list, sizeof array);
    if (b->failed || !item)
        return;
    if ((*count & (*count - 1)) == 0) {
        void **larger = mgm_onnx_alloc(b, *count ? 2 * *count : 1, sizeof *larger);
        if (!larger)
            return;
        if (*count)
            memcpy(larger, array, *count * sizeof *larger);
        array = larger;
    }
    array[(*count)++] = item;
    memcpy(list, &array, sizeof array);
}

char *mgm_onnx_name(struct mgm_onnx_build *b, const char *format, ...)
{
    enum { LENGTH = 96 }; /* parameters' names have 63 characters at most */
    char *name = mgm_onnx_alloc(b, LENGTH, 1);
    va_list arguments;
    va_start(arguments, format);
    if (name)
        vsnprintf(name, LENGTH, format, arguments);
    va_end(arguments);
    return name;
}

/** Bytes of the UTF-8 character that begins here; 0: none does. */
static size_t character_length(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    const size_t length = c[0] < 0x80                   ? 1
                          : c[0] >= 0xc2 && c[0] < 0xe0 ? 2
                          : (c[0] & 0xf0) == 0xe0       ? 3
                          : c[0] >= 0xf0 && c[0] < 0xf5 ? 4
                                                        : 0;
    for (size_t i = 1; i < length; i++)
        if ((c[i] & 0xc0) != 0x80)
            return 0;
    if (length == 3 && ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] >= 0xa0))) /* too long; half a character */
        return 0;
    return length == 4 && ((c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] >= 0x90)) ? 0 : length;
}

char *mgm_onnx_copy(struct mgm_onnx_build *b, const char *text)
{
    const size_t bytes = strlen(text) + 1;
    char *copy = mgm_onnx_alloc(b, bytes, 1);
    if (!copy)
        return NULL;
    memcpy(copy, text, bytes);
    for (size_t i = 0; copy[i];) {
        const size_t length = character_length(copy + i);
        if (length == 0)
            copy[i] = '?';
        i += length ? length : 1;
    }
    return copy;
}

/* protobuf-c's messages point to texts that could be changed; these are only read. */
static char *as_text(const char *text)
{
    return (char *)text;
}

char *mgm_onnx_node(struct mgm_onnx_build *b, const char *op, char *result, const char *const *inputs)
{
    Onnx__NodeProto *node = mgm_onnx_alloc(b, 1, sizeof *node);
    if (!node)
        return NULL;
    onnx__node_proto__init(node);
    node->name = result;
    node->op_type = as_text(op);
    for (; *inputs; inputs++)
        mgm_onnx_append(b, &node->input, &node->n_input, as_text(*inputs));
    mgm_onnx_append(b, &node->output, &node->n_output, result);
    mgm_onnx_append(b, &b->graph.node, &b->graph.n_node, node);
    return result;
}

static Onnx__AttributeProto *add_attribute(struct mgm_onnx_build *b, const char *name,
                                           Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *attribute = mgm_onnx_alloc(b, 1, sizeof *attribute);
    if (!attribute)
        return NULL;
    onnx__attribute_proto__init(attribute);
    attribute->name = as_text(name);
    attribute->has_type = true;
    attribute->type = type;
    Onnx__NodeProto *node = b->graph.node[b->graph.n_node - 1]; /* there is one: no memory would have failed above */
    mgm_onnx_append(b, &node->attribute, &node->n_attribute, attribute);
    return attribute;
}

void mgm_onnx_int(struct mgm_onnx_build *b, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute = add_attribute(b, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (attribute) {
        attribute->has_i = true;
        attribute->i = value;
    }
}

void mgm_onnx_ints(struct mgm_onnx_build *b, const char *name, const int64_t *values, size_t count)
{
    Onnx__AttributeProto *attribute = add_attribute(b, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = mgm_onnx_alloc(b, count, sizeof *copy);
    if (attribute && copy) {
        memcpy(copy, values, count * sizeof *copy);
        attribute->n_ints = count;
        attribute->ints = copy;
    }
}

void mgm_onnx_float(struct mgm_onnx_build *b, const char *name, float value)
{
    Onnx__AttributeProto *attribute = add_attribute(b, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (attribute) {
        attribute->has_f = true;
        attribute->f = value;
    }
}

void mgm_onnx_text(struct mgm_onnx_build *b, const char *name, const char *value)
{
    Onnx__AttributeProto *attribute = add_attribute(b, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    if (attribute) {
        attribute->has_s = true;
        attribute->s = (ProtobufCBinaryData){strlen(value), (uint8_t *)as_text(value)};
    }
}

static void *add_constant(struct mgm_onnx_build *b, char *name, const int64_t *dims, size_t ndim, int32_t type, size_t size)
{
    Onnx__TensorProto *tensor = mgm_onnx_alloc(b, 1, sizeof *tensor);
    int64_t *own_dims = mgm_onnx_alloc(b, ndim ? ndim : 1, sizeof *own_dims);
    size_t count = 1;
    for (size_t i = 0; i < ndim; i++)
        count *= (size_t)dims[i];
    void *values = mgm_onnx_alloc(b, count, size);
    if (!values || !name)
        return NULL;
    onnx__tensor_proto__init(tensor);
    memcpy(own_dims, dims, ndim * sizeof *dims);
    tensor->name = name;
    tensor->n_dims = ndim;
    tensor->dims = own_dims;
    tensor->has_data_type = true;
    tensor->data_type = type;
    tensor->has_raw_data = true; /* little-endian by definition, as weights files are, which refuse other machines */
    tensor->raw_data = (ProtobufCBinaryData){count * size, values};
    mgm_onnx_append(b, &b->graph.initializer, &b->graph.n_initializer, tensor);
    return b->failed ? NULL : values;
}

float *mgm_onnx_constant(struct mgm_onnx_build *b, char *name, const int64_t *dims, size_t ndim)
{
    return add_constant(b, name, dims, ndim, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, sizeof(float));
}

char *mgm_onnx_floats(struct mgm_onnx_build *b, char *name, const float *values, size_t count)
{
    const int64_t dims[] = {(int64_t)count};
    float *constant = mgm_onnx_constant(b, name, dims, count > 0);
    if (constant)
        memcpy(constant, values, (count ? count : 1) * sizeof *values);
    return name;
}

char *mgm_onnx_int64s(struct mgm_onnx_build *b, char *name, const int64_t *values, size_t count)
{
    const int64_t dims[] = {(int64_t)count};
    int64_t *constant = add_constant(b, name, dims, count > 0, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, sizeof *values);
    if (constant)
        memcpy(constant, values, (count ? count : 1) * sizeof *values);
    return name;
}

static Onnx__TensorShapeProto__Dimension *make_dimension(struct mgm_onnx_build *b, int size, const char *name)
{
    Onnx__TensorShapeProto__Dimension *dimension = mgm_onnx_alloc(b, 1, sizeof *dimension);
    if (!dimension)
        return NULL;
    onnx__tensor_shape_proto__dimension__init(dimension);
    dimension->value_case =
        size ? ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE : ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
    if (size)
        dimension->dim_value = size;
    else
        dimension->dim_param = as_text(name);
    return dimension;
}

static Onnx__ValueInfoProto *make_value(struct mgm_onnx_build *b, const char *name, const int *dims, const char *doc)
{
    static const char *const names[4] = {"batch", "channels", "height", "width"};
    Onnx__ValueInfoProto *value = mgm_onnx_alloc(b, 1, sizeof *value);
    Onnx__TypeProto *type = mgm_onnx_alloc(b, 1, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = mgm_onnx_alloc(b, 1, sizeof *tensor);
    Onnx__TensorShapeProto *shape = mgm_onnx_alloc(b, 1, sizeof *shape);
    if (!shape)
        return NULL;
    onnx__tensor_shape_proto__init(shape);
    for (int i = 0; i < 4; i++)
        mgm_onnx_append(b, &shape->dim, &shape->n_dim, make_dimension(b, dims[i], names[i]));
    onnx__type_proto__tensor__init(tensor);
    tensor->has_elem_type = true;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape;
    onnx__type_proto__init(type);
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    onnx__value_info_proto__init(value);
    value->name = as_text(name);
    value->type = type;
    value->doc_string = as_text(doc);
    return value;
}

void mgm_onnx_graph_input(struct mgm_onnx_build *b, const char *name, int n, int channels, int h, int w, const char *doc)
{
    const int dims[4] = {n, channels, h, w};
    mgm_onnx_append(b, &b->graph.input, &b->graph.n_input, make_value(b, name, dims, doc));
}

void mgm_onnx_graph_output(struct mgm_onnx_build *b, const char *name, int n, int channels, int h, int w, const char *doc)
{
    const int dims[4] = {n, channels, h, w};
    mgm_onnx_append(b, &b->graph.output, &b->graph.n_output, make_value(b, name, dims, doc));
}
