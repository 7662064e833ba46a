/* Checkpoints of PyTorch's: what the published files do not show, and what PyTorch would never write. */
#include "oracle.h"

#include "base/memory.h"
#include "checkpoint_file.h"
#include "matting/model.h"
#include "matting/network.h"
#include "weights/pth.h"
#include "weights/weights.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[] = "/tmp/mgm-pth-XXXXXX";
static char path[256];
static struct mgm_context *ctx;
static const float SIX[6] = {1, 2, 3, 4, 5, 6};

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/mgm-pth-XXXXXX");
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof path, "%s/case.pth", folder);
    return mgm_context_create(&ctx) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_context_destroy(&ctx);
    unlink(path);
    return rmdir(folder);
}

/* A tensor of 2 × 3, the whole of storage "a" with its six values. */
static struct pickled_tensor whole(void)
{
    return (struct pickled_tensor){.key = "a",
                                   .type = "FloatStorage",
                                   .storage_count = 6,
                                   .ndim = 2,
                                   .sizes = {2, 3},
                                   .strides = {3, 1},
                                   .legacy = true};
}

/* A checkpoint in the older layout, of this pickle and storage "a". */
static enum mgm_status parse(struct bytes *pickle, uint64_t values, struct mgm_safetensors **file, struct bytes *bytes)
{
    static const char *const keys[] = {"a"};
    *bytes = (struct bytes){0};
    put_legacy_head(bytes);
    put(bytes, pickle->data, pickle->size);
    put_legacy_keys(bytes, keys, 1);
    put_legacy_storage(bytes, values, SIX, sizeof SIX);
    free(pickle->data);
    return mgm_pth_parse(ctx, "case", bytes->data, bytes->size, file);
}

static void assert_pickle_refused(struct bytes *pickle, enum mgm_status status, const char *part)
{
    struct mgm_safetensors *file = NULL;
    struct bytes bytes;
    enum mgm_status found = parse(pickle, 6, &file, &bytes);
    if (found != status || !strstr(ctx->error, part) || strncmp(ctx->error, "case: ", 6) != 0)
        fail_msg("status %d, message '%s'; expected %d, '%s'", found, ctx->error, status, part);
    assert_null(file);
    free(bytes.data);
}

/* {"t": tensor} */
static struct bytes pickle_of(const struct pickled_tensor *tensor)
{
    struct bytes pickle = {0};
    put_code(&pickle, "\x80\x02}(");
    put_text(&pickle, "t");
    put_tensor(&pickle, tensor);
    put_code(&pickle, "u.");
    return pickle;
}

static void assert_values(struct bytes *pickle, int count, const float *values)
{
    struct mgm_safetensors *file = NULL;
    struct bytes bytes;
    float found[16];
    ASSERT_OK(ctx, parse(pickle, 6, &file, &bytes));
    const struct mgm_tensor *tensor = mgm_safetensors_find(file, "t");
    assert_non_null(tensor);
    assert_int_equal(tensor->count, count);
    ASSERT_OK(ctx, mgm_tensor_to_f32(ctx, tensor, found));
    assert_memory_equal(found, values, (size_t)count * sizeof *values);
    mgm_safetensors_close(&file);
    free(bytes.data);
}

static void views(void **state)
{
    (void)state;
    struct pickled_tensor tensor = whole();
    struct bytes pickle = pickle_of(&tensor);
    assert_values(&pickle, 6, SIX);
    tensor.sizes[0] = 3, tensor.sizes[1] = 2, tensor.strides[0] = 1, tensor.strides[1] = 3;
    pickle = pickle_of(&tensor);
    assert_values(&pickle, 6, (const float[]){1, 4, 2, 5, 3, 6});
    tensor.sizes[0] = 4, tensor.strides[0] = 0, tensor.strides[1] = 2, tensor.offset = 3;
    pickle = pickle_of(&tensor);
    assert_values(&pickle, 8, (const float[]){4, 6, 4, 6, 4, 6, 4, 6});
    tensor = whole();
    tensor.ndim = 1, tensor.sizes[0] = 2, tensor.strides[0] = 1, tensor.offset = 1, tensor.part_at = 2,
    tensor.part_of_size = 4;
    pickle = pickle_of(&tensor);
    assert_values(&pickle, 2, (const float[]){4, 5});
    tensor.sizes[0] = 1, tensor.strides[0] = 999; /* says nothing where there is one value */
    pickle = pickle_of(&tensor);
    assert_values(&pickle, 1, (const float[]){4});
}

static void tensors_beyond_their_storage(void **state)
{
    (void)state;
    struct pickled_tensor tensor = whole();
    tensor.offset = 1;
    struct bytes pickle = pickle_of(&tensor);
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "tensor 't' reaches beyond its storage");
    tensor = whole();
    tensor.strides[0] = 4;
    pickle = pickle_of(&tensor);
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "reaches beyond its storage");
    tensor.strides[0] = 0x7FFFFFFF;
    pickle = pickle_of(&tensor);
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "reaches beyond its storage");
    tensor = whole();
    tensor.offset = -1;
    pickle = pickle_of(&tensor);
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "described otherwise");
    tensor = whole();
    tensor.sizes[0] = -2;
    pickle = pickle_of(&tensor);
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "shape or strides that cannot be");
    tensor = (struct pickled_tensor){.key = "a", .type = "FloatStorage", .storage_count = 6, .ndim = 4, .legacy = true};
    for (int i = 0; i < 4; i++)
        tensor.sizes[i] = 0x7FFFFFFF;
    pickle = pickle_of(&tensor);
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "shape or strides that cannot be");
    tensor.ndim = 1; /* one value, repeated two thousand million times */
    pickle = pickle_of(&tensor);
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "repeats its storage");
}

static void storages_that_lie(void **state)
{
    (void)state;
    struct mgm_safetensors *file = NULL;
    struct bytes bytes;
    struct pickled_tensor tensor = whole();
    struct bytes pickle = pickle_of(&tensor);
    assert_int_equal(parse(&pickle, 5, &file, &bytes), MGM_E_FORMAT);
    assert_non_null(strstr(ctx->error, "storage 'a' has 5 values; its tensors expect 6"));
    free(bytes.data);
    tensor.storage_count = 7;
    pickle = pickle_of(&tensor);
    assert_int_equal(parse(&pickle, 7, &file, &bytes), MGM_E_FORMAT);
    assert_non_null(strstr(ctx->error, "truncated: it ends within storage 'a'"));
    free(bytes.data);
    tensor.key = "b";
    pickle = pickle_of(&tensor);
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "list of storages");
    tensor = whole();
    tensor.type = "ComplexFloatStorage";
    pickle = pickle_of(&tensor);
    assert_pickle_refused(&pickle, MGM_E_UNSUPPORTED, "asks for 'torch.ComplexFloatStorage'");
    pickle = (struct bytes){0};
    put_code(&pickle, "\x80\x02}(");
    put_text(&pickle, "t");
    tensor = whole();
    put_tensor(&pickle, &tensor);
    put_text(&pickle, "u");
    tensor.type = "IntStorage";
    put_tensor(&pickle, &tensor);
    put_code(&pickle, "u.");
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "storage 'a' has two types");
}

static void names(void **state)
{
    (void)state;
    struct pickled_tensor tensor = whole();
    struct bytes pickle = {0};
    put_code(&pickle, "\x80\x02}(");
    for (int i = 0; i < 2; i++) {
        put_text(&pickle, "t");
        put_tensor(&pickle, &tensor);
    }
    put_code(&pickle, "u.");
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "tensor 't' occurs more than once");
    pickle = (struct bytes){0};
    put_code(&pickle, "\x80\x02}K\x01");
    put_tensor(&pickle, &tensor);
    put_code(&pickle, "s.");
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "name that is no text");
    pickle = (struct bytes){0};
    put_code(&pickle, "\x80\x02}.");
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "list of storages");
}

/* As Python 2 wrote ordered dictionaries; with attributes; beside a list that holds itself. */
static void other_dictionaries(void **state)
{
    (void)state;
    struct pickled_tensor tensor = whole();
    struct bytes pickle = {0};
    put_code(&pickle, "\x80\x02}(U\x04selfN");
    put_code(&pickle, "U\x04loop]r");
    put(&pickle, "\0\0\0", 4);
    put(&pickle, "h\0a", 3);
    put_text(&pickle, "state_dict");
    put_code(&pickle, "ccollections\nOrderedDict\n](](U\x01t"); /* [["t", tensor]] */
    put_tensor(&pickle, &tensor);
    put_code(&pickle, "ee\x85R}");
    put_text(&pickle, "_metadata");
    put_code(&pickle, "}sbu.");
    assert_values(&pickle, 6, SIX);
}

static void pickles_that_are_none(void **state)
{
    (void)state;
    static const struct {
        const char *code, *part;
        enum mgm_status status;
    } cases[] = {
        {"\x80\x02"
         "cposix\nsystem\nU\x04true\x85R.",
         "asks for 'posix.system'", MGM_E_UNSUPPORTED},
        {"\x80\x02"
         "cbuiltins\neval\n.",
         "asks for 'builtins.eval'", MGM_E_UNSUPPORTED},
        {"\x80\x02"
         "cevil\nOrderedDict\n.",
         "asks for 'evil.OrderedDict'", MGM_E_UNSUPPORTED},
        {"\x80\x02"
         "cnumpy.core\x1b[2J\nscalar\n.",
         "asks for 'numpy.core?[2J.scalar'", MGM_E_UNSUPPORTED},
        {"\x80\x04}.", "protocol 4", MGM_E_UNSUPPORTED},
        {"\x80\x02"
         "iposix\nsystem\n.",
         "opcode 0x69", MGM_E_FORMAT},
        {"\x80\x02}\x81.", "opcode 0x81", MGM_E_FORMAT},
        {"\x80\x02R.", "a value is missing", MGM_E_FORMAT},
        {"\x80\x02}}R.", "expected a function", MGM_E_FORMAT},
        {"\x80\x02"
         "ctorch\nFloatStorage\n)R.",
         "expected a function", MGM_E_FORMAT},
        {"\x80\x02"
         "ctorch._utils\n_rebuild_parameter\n)R.",
         "expected a tensor", MGM_E_FORMAT},
        {"\x80\x02}q\x05.", "not remembered in order", MGM_E_FORMAT},
        {"\x80\x02h\x05.", "never remembered", MGM_E_FORMAT},
        {"\x80\x02u.", "a mark is missing", MGM_E_FORMAT},
        {"\x80\x02}(Nu.", "pairs", MGM_E_FORMAT},
        {"\x80\x02N(NNu.", "pairs", MGM_E_FORMAT},
        {"\x80\x02}Na.", "expected a list", MGM_E_FORMAT},
        {"\x80\x02(}.", "does not end with one value", MGM_E_FORMAT},
        {"\x80\x02NN.", "does not end with one value", MGM_E_FORMAT},
        {"\x80\x02NQ.", "expected what a storage", MGM_E_FORMAT},
        {"\x80\x02)Q.", "describes a storage otherwise", MGM_E_FORMAT},
        {"\x80\x02]N}b.", "expected a dictionary", MGM_E_FORMAT},
        {"\x80\x02X\xff\xff\xff\xff.", "truncated", MGM_E_FORMAT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bytes pickle = {0};
        put_code(&pickle, cases[i].code);
        assert_pickle_refused(&pickle, cases[i].status, cases[i].part);
    }
}

/* As many copies of a value as the stack may hold, and one more. */
static void a_pickle_without_end(void **state)
{
    (void)state;
    struct bytes pickle = {0};
    put_code(&pickle, "\x80\x02");
    for (int i = 0; i < 1 << 17; i++)
        put_code(&pickle, "NNNNNNNNN");
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "more values at once");
    pickle = (struct bytes){0};
    put_code(&pickle, "\x80\x02");
    for (int i = 0; i < 1 << 17; i++)
        put_code(&pickle, "]]]]]]]]]");
    assert_pickle_refused(&pickle, MGM_E_FORMAT, "more ");
}

static void truncations(void **state)
{
    (void)state;
    struct mgm_safetensors *file = NULL;
    struct bytes bytes;
    struct pickled_tensor tensor = whole();
    struct bytes pickle = pickle_of(&tensor);
    ASSERT_OK(ctx, parse(&pickle, 6, &file, &bytes));
    mgm_safetensors_close(&file);
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *copy = malloc(size + 1);
        memcpy(copy, bytes.data, size);
        assert_int_equal(mgm_pth_parse(ctx, "case", copy, size, &file), MGM_E_FORMAT);
        assert_null(file);
        free(copy);
    }
    free(bytes.data);
}

/* ---- the zip layout ------------------------------------------------------------------------------------------------- */

static void assert_zip(const struct zip_entry *entries, int count, enum mgm_status status, const char *part)
{
    struct mgm_safetensors *file = NULL;
    write_zip(path, entries, count);
    enum mgm_status found = mgm_weights_open(ctx, path, &file);
    if (found != status || (part && !strstr(ctx->error, part)))
        fail_msg("status %d, message '%s'; expected %d, '%s'", found, ctx->error, status, part ? part : "");
    mgm_safetensors_close(&file);
}

static void archives(void **state)
{
    (void)state;
    struct pickled_tensor tensor = whole();
    struct bytes pickle = pickle_of(&tensor);
    struct zip_entry entries[] = {{"x/data.pkl", pickle.data, pickle.size, false},
                                  {"x/data/a", SIX, sizeof SIX, false},
                                  {"x/byteorder", "little", 6, false}};
    assert_zip(entries, 3, MGM_OK, NULL);
    assert_zip(entries, 1, MGM_E_FORMAT, "storage 'a' is missing");
    assert_zip(entries + 1, 2, MGM_E_FORMAT, "no checkpoint of PyTorch's: it has no 'data.pkl'");
    entries[2] = (struct zip_entry){"x/byteorder", "big", 3, false};
    assert_zip(entries, 3, MGM_E_UNSUPPORTED, "big-endian");
    entries[1].size -= 4;
    assert_zip(entries, 2, MGM_E_FORMAT, "'x/data/a' in it has 20 bytes; its tensors expect 24");
    free(pickle.data);
}

/* A small file that would become a large one, and an archive with a flipped bit. */
static void damaged_archives(void **state)
{
    (void)state;
    static const float zeros[1 << 16];
    struct pickled_tensor tensor = {.key = "a", .type = "FloatStorage", .storage_count = 1 << 16};
    tensor.ndim = 1, tensor.sizes[0] = 1 << 16, tensor.strides[0] = 1;
    struct bytes pickle = pickle_of(&tensor);
    struct zip_entry entries[] = {{"x/data.pkl", pickle.data, pickle.size, false}, {"x/data/a", zeros, sizeof zeros, true}};
    assert_zip(entries, 2, MGM_E_UNSUPPORTED, "'x/data/a' in it is compressed");
    entries[1].deflated = false;
    assert_zip(entries, 2, MGM_OK, NULL);
    FILE *stream = fopen(path, "r+b");
    fseek(stream, sizeof zeros / 2, SEEK_SET);
    fputc(1, stream);
    fclose(stream);
    struct mgm_safetensors *file = NULL;
    assert_int_equal(mgm_weights_open(ctx, path, &file), MGM_E_FORMAT);
    assert_non_null(strstr(ctx->error, "'x/data/a' in it cannot be read"));
    free(pickle.data);
}

/* ---- a network ------------------------------------------------------------------------------------------------------ */

/* All parameters of a network, as the published code saves them, are found again without any other step. */
static void a_network(void **state)
{
    (void)state;
    struct mgm_graph graph;
    struct mgm_params params;
    ASSERT_OK(ctx, mgm_network_build(ctx, 0.125, false, &graph));
    ASSERT_OK(ctx, mgm_params_create(ctx, &graph, false, &params));
    mgm_params_initialise(&graph, 3, &params);
    struct mgm_tensor_source *sources = calloc((size_t)graph.param_count + 1, sizeof *sources);
    for (int i = 0; i < graph.param_count; i++) {
        const struct mgm_param_info *param = &graph.params[i];
        sources[i] = (struct mgm_tensor_source){param->name, MGM_DTYPE_F32, param->ndim, {0}, params.values + param->offset};
        for (int d = 0; d < param->ndim; d++)
            sources[i].dims[d] = param->dims[d];
    }
    const float batches = 7;
    sources[graph.param_count] =
        (struct mgm_tensor_source){"encoder.bn1.num_batches_tracked", MGM_DTYPE_F32, 0, {0}, &batches};
    for (int legacy = 0; legacy < 2; legacy++) {
        struct mgm_model *model = NULL;
        write_checkpoint(path, sources, graph.param_count + 1, legacy);
        ASSERT_OK(ctx, mgm_model_load(ctx, path, &model));
        assert_true(model->width == 0.125);
        assert_string_equal(model->name, "case");
        for (int i = 0; i < graph.param_count; i++)
            assert_memory_equal(model->params.values + model->graph.params[i].offset, sources[i].data,
                                graph.params[i].count * sizeof(float));
        mgm_model_destroy(&model);
    }
    free(sources);
    mgm_params_release(&params);
    mgm_graph_release(&graph);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(views),
        TEST(tensors_beyond_their_storage),
        TEST(storages_that_lie),
        TEST(names),
        TEST(other_dictionaries),
        TEST(pickles_that_are_none),
        TEST(a_pickle_without_end),
        TEST(truncations),
        TEST(archives),
        TEST(damaged_archives),
        TEST(a_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
