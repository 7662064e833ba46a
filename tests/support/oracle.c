#include "oracle.h"

#include "base/memory.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char SMALL[] = "small_tensors";

const char *oracle_folder(void)
{
    static char folder[4096];
    const char *elsewhere = getenv("MGM_ORACLE"), *data = getenv("MGM_TEST_DATA");
    if (elsewhere && *elsewhere)
        return elsewhere;
    if (!data)
        fail_msg("MGM_TEST_DATA is not set: run the tests through meson, or set it to the folder tests/data");
    snprintf(folder, sizeof folder, "%s/oracle", data);
    return folder;
}

static const char *file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

static void run_case(const char *kind, const char *path, void (*check)(const struct oracle_case *c, void *argument),
                     void *argument)
{
    struct oracle_case c = {.kind = kind, .path = path};
    if (mgm_context_create(&c.ctx) != MGM_OK)
        fail_msg("not enough memory");
    ASSERT_OK(c.ctx, mgm_safetensors_open(c.ctx, path, &c.file));
    const char *seed = mgm_safetensors_metadata(c.file, "seed");
    c.seed = seed ? strtoull(seed, NULL, 10) : 0;
    print_message("%s\n", path);
    check(&c, argument);
    mgm_safetensors_close(&c.file);
    mgm_context_destroy(&c.ctx);
}

void oracle_each(const char *kind, void (*check)(const struct oracle_case *c, void *argument), void *argument)
{
    glob_t found = {0};
    char pattern[4096];
    snprintf(pattern, sizeof pattern, "%s/%s/*.safetensors", oracle_folder(), kind);
    glob(pattern, 0, NULL, &found);
    snprintf(pattern, sizeof pattern, "%s/%s/*/*.safetensors", oracle_folder(), kind);
    glob(pattern, GLOB_APPEND, NULL, &found);
    int cases = 0;
    for (size_t i = 0; i < found.gl_pathc; i++) {
        if (strncmp(file_name(found.gl_pathv[i]), SMALL, sizeof SMALL - 1) == 0)
            continue;
        run_case(kind, found.gl_pathv[i], check, argument);
        cases++;
    }
    globfree(&found);
    if (cases == 0) {
        print_message("no cases of kind '%s' in %s: skipped\n", kind, oracle_folder());
        skip();
    }
}

char *oracle_beside(const struct oracle_case *c, const char *name)
{
    /* "…/case_7.safetensors": the folder, and the "_7" that the names of its companions may carry. */
    const char *own = file_name(c->path), *mark = strchr(own, '_'), *own_dot = strrchr(own, '.');
    const char *dot = strrchr(name, '.');
    int folder = (int)(own - c->path), suffix = mark && mark < own_dot ? (int)(own_dot - mark) : 0;
    size_t size = strlen(c->path) + strlen(name) + 1;
    char *path = mgm_alloc(size, 1);
    if (!path || !dot)
        fail_msg("cannot name '%s' beside %s", name, c->path);
    snprintf(path, size, "%.*s%.*s%.*s%s", folder, c->path, (int)(dot - name), name, suffix, mark ? mark : "", dot);
    if (access(path, R_OK) != 0)
        snprintf(path, size, "%.*s%s", folder, c->path, name);
    return path;
}

cJSON *oracle_json(const struct oracle_case *c, const char *name)
{
    char *path = oracle_beside(c, name);
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        fail_msg("%s cannot be read", path);
    const long size = ftell(file);
    char *text = mgm_alloc((size_t)size + 1, 1);
    assert_non_null(text);
    rewind(file);
    text[fread(text, 1, (size_t)size, file)] = '\0';
    fclose(file);
    cJSON *json = cJSON_Parse(text);
    if (!json)
        fail_msg("%s is not JSON", path);
    mgm_free(text);
    mgm_free(path);
    return json;
}

double oracle_number(const cJSON *object, const char *name)
{
    const cJSON *item = cJSON_GetObjectItem(object, name);
    if (!cJSON_IsNumber(item))
        fail_msg("there is no number \"%s\"", name);
    return item->valuedouble;
}

const struct mgm_tensor *oracle_tensor(const struct oracle_case *c, const char *name)
{
    const struct mgm_tensor *tensor = mgm_safetensors_find(c->file, name);
    if (!tensor)
        fail_msg("%s: no tensor '%s'", c->path, name);
    return tensor;
}

float *oracle_f32(const struct oracle_case *c, const char *name)
{
    const struct mgm_tensor *tensor = oracle_tensor(c, name);
    float *values = mgm_alloc(tensor->count, sizeof *values);
    if (!values)
        fail_msg("not enough memory for '%s'", name);
    ASSERT_OK(c->ctx, mgm_tensor_to_f32(c->ctx, tensor, values));
    return values;
}

const uint8_t *oracle_u8(const struct oracle_case *c, const char *name)
{
    const struct mgm_tensor *tensor = oracle_tensor(c, name);
    if (tensor->dtype != MGM_DTYPE_U8)
        fail_msg("%s: tensor '%s' is not of type U8", c->path, name);
    return tensor->data;
}

void oracle_recipe(const char *name, const int dims[4], uint64_t seed, float *values)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (const char *p = name; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 0x100000001B3u;
    hash += seed;
    size_t fan = (size_t)dims[1] * (size_t)dims[2] * (size_t)dims[3], count = (size_t)dims[0] * fan;
    float scale = (float)sqrt(6.0 / (double)fan);
    for (size_t i = 0; i < count; i++) {
        uint64_t z = hash + (i + 1) * 0x9E3779B97F4A7C15u;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        z ^= z >> 31;
        values[i] = ((float)(z >> 40) / 8388608.0f - 1.0f) * scale;
    }
}

void oracle_params(const struct oracle_case *c, const struct mgm_graph *graph, bool gradients, struct mgm_params *params)
{
    char *path = oracle_beside(c, "small_tensors.safetensors");
    struct mgm_safetensors *small = NULL;
    ASSERT_OK(c->ctx, mgm_safetensors_open(c->ctx, path, &small));
    ASSERT_OK(c->ctx, mgm_params_create(c->ctx, graph, gradients, params));
    for (int i = 0; i < graph->param_count; i++) {
        const struct mgm_param_info *info = &graph->params[i];
        if (info->ndim == 4) {
            oracle_recipe(info->name, info->dims, c->seed, params->values + info->offset);
            continue;
        }
        const struct mgm_tensor *tensor = mgm_safetensors_find(small, info->name);
        if (!tensor || tensor->count != info->count)
            fail_msg("%s: parameter '%s' of %zu values is missing or of another size", path, info->name, info->count);
        ASSERT_OK(c->ctx, mgm_tensor_to_f32(c->ctx, tensor, params->values + info->offset));
    }
    mgm_safetensors_close(&small);
    mgm_free(path);
}

struct difference difference_f32(const char *label, const float *got, const float *want, size_t count)
{
    struct difference d = {0};
    double sum = 0, squares = 0, wanted = 0;
    for (size_t i = 0; i < count; i++) {
        double difference = got[i] == want[i] ? 0 : fabs((double)got[i] - (double)want[i]);
        if (isnan(difference))
            difference = INFINITY;
        if (difference > d.max) {
            d.max = difference;
            d.worst = i;
        }
        sum += difference;
        squares += difference * difference;
        wanted += (double)want[i] * (double)want[i];
    }
    d.mean = count ? sum / (double)count : 0;
    d.relative = squares == 0 ? 0 : sqrt(squares / wanted);
    print_message("%s: differs by at most %.3g (value %zu), mean %.3g, relative %.3g\n", label, d.max, d.worst, d.mean,
                  d.relative);
    return d;
}

size_t difference_u8(const char *label, const uint8_t *got, const uint8_t *want, size_t count)
{
    size_t unequal = 0;
    for (size_t i = 0; i < count; i++)
        unequal += got[i] != want[i];
    print_message("%s: %zu of %zu values differ\n", label, unequal, count);
    return unequal;
}
