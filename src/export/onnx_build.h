/**
 * Building an ONNX graph. Private to onnx_*.c.
 *
 * A node is named after its one result, and results are passed on by name. As with nn/graph.h, functions do nothing once
 * memory has run out, and return NULL; b->failed tells. All that they make belongs to the build.
 */
#ifndef MGM_EXPORT_ONNX_BUILD_H
#define MGM_EXPORT_ONNX_BUILD_H

#include "base/context.h"

#include "onnx.pb-c.h"

struct mgm_onnx_build {
    struct mgm_context *ctx;
    Onnx__GraphProto graph;
    void **owned;
    size_t owned_count;
    bool failed;
};

void mgm_onnx_begin(struct mgm_onnx_build *b, struct mgm_context *ctx);
void mgm_onnx_release(struct mgm_onnx_build *b);

/** Memory that lives as long as the build; uninitialised. */
void *mgm_onnx_alloc(struct mgm_onnx_build *b, size_t count, size_t size);

/** A name made as by printf. */
char *mgm_onnx_name(struct mgm_onnx_build *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** A copy, as texts of the format must be: bytes that are no UTF-8 become "?". */
char *mgm_onnx_copy(struct mgm_onnx_build *b, const char *text);

/**
 * Adds a node.
 * @param result  its name and its result's
 * @param inputs  names, ending with NULL; "" leaves an optional one out
 * @return result
 */
char *mgm_onnx_node(struct mgm_onnx_build *b, const char *op, char *result, const char *const *inputs);
#define MGM_ONNX_INPUTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Attributes of the node that was added last. `name` and texts must outlive the build. */
void mgm_onnx_int(struct mgm_onnx_build *b, const char *name, int64_t value);
void mgm_onnx_ints(struct mgm_onnx_build *b, const char *name, const int64_t *values, size_t count);
void mgm_onnx_float(struct mgm_onnx_build *b, const char *name, float value);
void mgm_onnx_text(struct mgm_onnx_build *b, const char *name, const char *value);

/** Adds a constant of floats and returns its values, to be filled in. */
float *mgm_onnx_constant(struct mgm_onnx_build *b, char *name, const int64_t *dims, size_t ndim);
/** Adds a constant of one dimension, or, count 0, a single value. @return name */
char *mgm_onnx_floats(struct mgm_onnx_build *b, char *name, const float *values, size_t count);
char *mgm_onnx_int64s(struct mgm_onnx_build *b, char *name, const int64_t *values, size_t count);

/** What is fed and asked for: floats [n, channels, h, w]. Sizes of 0 are named instead: "batch", "height", "width". */
void mgm_onnx_graph_input(struct mgm_onnx_build *b, const char *name, int n, int channels, int h, int w, const char *doc);
void mgm_onnx_graph_output(struct mgm_onnx_build *b, const char *name, int n, int channels, int h, int w, const char *doc);

/** Appends to a list of pointers as protobuf-c has them. */
void mgm_onnx_append(struct mgm_onnx_build *b, void *list /* address of the array */, size_t *count, void *item);

/** The network, as far as the heads' raw outputs (MGM_HEAD_COUNT names). In onnx_network.c. */
struct mgm_graph;
struct mgm_params;
MGM_MUST_CHECK enum mgm_status mgm_onnx_network(struct mgm_onnx_build *b, const struct mgm_graph *graph,
                                                const struct mgm_params *params, int h, int w, char **heads);

/** From there to the outputs alpha_os8, alpha_os4, alpha_os1 and alpha. In onnx_refinement.c. */
void mgm_onnx_refinement(struct mgm_onnx_build *b, char *const *heads, int dilate_os4, int dilate_os1);

#endif
