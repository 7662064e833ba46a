/**
 * For tests that compare with published numbers: finds the cases, fills in the weights that follow a recipe, compares.
 * Everything here fails the running cmocka test when something cannot be read; nothing returns a status.
 *
 * A kind ("net", "refine", …) is a folder. Its cases are its *.safetensors files, and those of its sub-folders, other than
 * small_tensors*.safetensors. Files beside a case belong to it: for case_7.safetensors, "small_tensors_7.safetensors" if
 * there is one, else "small_tensors.safetensors".
 */
#ifndef MGM_TESTS_ORACLE_H
#define MGM_TESTS_ORACLE_H

/* cmocka's header wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/graph.h"
#include "weights/safetensors.h"

#include <cjson/cJSON.h>

struct oracle_case {
    struct mgm_context *ctx;
    const char *kind;
    const char *path;             /* of the case file */
    struct mgm_safetensors *file; /* open */
    uint64_t seed;                /* of the recipe; 0 if the case names none */
};

/** Environment MGM_ORACLE if set, else $MGM_TEST_DATA/oracle. */
const char *oracle_folder(void);

/** Calls check for every case of kind, in the order of their paths; skips the running test, saying so, if there is none. */
void oracle_each(const char *kind, void (*check)(const struct oracle_case *c, void *argument), void *argument);

/** Path of the file beside the case ("small_tensors.safetensors", "losses.json"); release with mgm_free. */
char *oracle_beside(const struct oracle_case *c, const char *name);
/** That file read as JSON; fails the test if it is none. Release with cJSON_Delete. */
cJSON *oracle_json(const struct oracle_case *c, const char *name);
/** The number called name; fails the test if there is none. */
double oracle_number(const cJSON *object, const char *name);

/** The tensor of that name; fails the test if there is none. */
const struct mgm_tensor *oracle_tensor(const struct oracle_case *c, const char *name);
/** Its values as f32; release with mgm_free. */
float *oracle_f32(const struct oracle_case *c, const char *name);
/** Its bytes, for a tensor of type U8: borrowed from the case. */
const uint8_t *oracle_u8(const struct oracle_case *c, const char *name);

/** Parameters of graph: 4-D ones by the recipe with the case's seed, others from small_tensors. Release them. */
void oracle_params(const struct oracle_case *c, const struct mgm_graph *graph, bool gradients, struct mgm_params *params);

/** The recipe alone: values of the 4-D parameter called name. */
void oracle_recipe(const char *name, const int dims[4], uint64_t seed, float *values);

struct difference {
    double max, mean; /* absolute; infinite if either side has a value that is not finite and the other differs */
    double relative;  /* length of the difference divided by the length of want */
    size_t worst;     /* index of max */
};

/** Compares and prints one line that begins with label. */
struct difference difference_f32(const char *label, const float *got, const float *want, size_t count);
/** How many bytes differ; prints one line that begins with label. */
size_t difference_u8(const char *label, const uint8_t *got, const uint8_t *want, size_t count);

/** Asserts success; on failure the test's message is the context's sentence. */
#define ASSERT_OK(ctx, expression)                                                                                          \
    do {                                                                                                                    \
        if ((expression) != MGM_OK)                                                                                         \
            fail_msg("%s: %s", #expression, mgm_context_error(ctx));                                                        \
    } while (0)

#endif
