/**
 * An ONNX file, read back and executed: the few operators that mgm export-onnx uses, each as the specification words it and as
 * slow as it comes. Everything here fails the running cmocka test when something is not as it must be.
 */
#ifndef MGM_TESTS_ONNX_FILE_H
#define MGM_TESTS_ONNX_FILE_H

#include "onnx.pb-c.h"

#include <stddef.h>

/** Release with onnx__model_proto__free_unpacked(model, NULL). */
Onnx__ModelProto *onnx_file_read(const char *path);

/** What the metadata say for key; NULL if there is no such key. */
const char *onnx_file_metadata(const Onnx__ModelProto *model, const char *key);

/** A node's attribute; NULL if it has none of that name. */
const Onnx__AttributeProto *onnx_file_attribute(const Onnx__NodeProto *node, const char *name);

struct onnx_value {
    const char *name;
    int64_t dims[4];
    int ndim;
    size_t count;
    double *values; /* whatever the type: floats, whole numbers and truth values alike fit */
};

/**
 * Runs the network for image [n, 3, h, w] and guidance [n, 1, h, w].
 * @param outputs  as many as the graph has, in its order; release with onnx_file_release()
 */
void onnx_file_run(const Onnx__ModelProto *model, int n, int h, int w, const float *image, const float *guidance,
                   struct onnx_value *outputs);
void onnx_file_release(struct onnx_value *values, size_t count);

/** Zeros, without a name. */
struct onnx_value onnx_file_value(int ndim, const int64_t *dims);
/** The result of one node for its inputs, NULL where one is left out. In onnx_ops.c. */
struct onnx_value onnx_file_run_node(const Onnx__NodeProto *node, struct onnx_value *const *in);

#endif
