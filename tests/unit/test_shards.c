/* Sets of shards: what is written is read back; a set that does not hold what its index says is refused by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "weights/shards.h"
#include "weights/shards_plan.h"
#include "weights/weights.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX "w.safetensors.index.json"

static char folder[] = "/tmp/mgm-shards-XXXXXX";
static struct mgm_context *ctx;
static const float VALUES[1024] = {1, -2, 3.5f, 0.25f, 5, 6, 7, 8};

static const char *path_of(const char *name)
{
    static char paths[4][512];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

/* Counts what is in the folder, and removes it. */
static int empty_folder(void)
{
    int count = 0;
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (struct dirent *entry; (entry = readdir(directory));) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        assert_int_equal(remove(path_of(entry->d_name)), 0);
        count++;
    }
    closedir(directory);
    return count;
}

static int set_up(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/mgm-shards-XXXXXX");
    return mkdtemp(folder) && mgm_context_create(&ctx) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_context_destroy(&ctx);
    empty_folder();
    return rmdir(folder);
}

static void write_text(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "wb");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static size_t size_of(const char *name)
{
    struct stat facts;
    assert_int_equal(stat(path_of(name), &facts), 0);
    return (size_t)facts.st_size;
}

/* A shard with these tensors of two floats each, and one pair of metadata where key is not NULL. */
static void write_shard(const char *name, const char *const *tensors, const char *key, const char *value)
{
    struct mgm_tensor_source sources[4];
    const char *const metadata[] = {key, value};
    int count = 0;
    for (; tensors[count]; count++)
        sources[count] = (struct mgm_tensor_source){tensors[count], MGM_DTYPE_F32, 1, {2}, VALUES};
    assert_int_equal(mgm_safetensors_write(ctx, path_of(name), sources, count, metadata, key ? 1 : 0), MGM_OK);
}

#define SHARD(name, ...) write_shard(name, (const char *const[]){__VA_ARGS__, NULL}, NULL, NULL)

/* ---- the plan -------------------------------------------------------------------------------------------------------- */

static void expect_plan(const uint64_t *sizes, int count, uint64_t most, int shards, const int *expected)
{
    int shard[8];
    assert_int_equal(mgm_shards_plan(sizes, count, 1, most, shard), shards);
    assert_memory_equal(shard, expected, (size_t)count * sizeof *shard);
}

static void test_plan(void **state)
{
    (void)state;
    /* in their order where that needs no more shards */
    expect_plan((const uint64_t[]){4, 5, 3, 6, 9}, 5, 10, 3, (const int[]){0, 0, 1, 1, 2});
    /* else small ones fill the gaps that large ones leave */
    expect_plan((const uint64_t[]){6, 6, 3, 6, 3, 3}, 6, 10, 3, (const int[]){0, 1, 0, 2, 1, 2});
    /* what is too large has a shard of its own, wherever it stands */
    expect_plan((const uint64_t[]){2, 20, 2}, 3, 10, 2, (const int[]){1, 0, 1});
    expect_plan((const uint64_t[]){UINT64_MAX - 1}, 1, 10, 1, (const int[]){0});
}

/* ---- sets that hold ------------------------------------------------------------------------------------------------- */

static const char *const METADATA[] = {"architecture", "none", "quote", "a \"b\" ü"};
static const struct mgm_tensor_source TENSORS[] = {
    {"z", MGM_DTYPE_F32, 2, {10, 10}, VALUES}, {"y", MGM_DTYPE_F16, 1, {100}, VALUES},
    {"x", MGM_DTYPE_F32, 1, {1024}, VALUES},   {"w", MGM_DTYPE_U8, 1, {3}, VALUES},
    {"v", MGM_DTYPE_F32, 2, {4, 0}, NULL},     {"u", MGM_DTYPE_F32, 0, {0}, VALUES},
};
enum { TENSOR_COUNT = 6, SHARD_BYTES = 1200, SHARD_COUNT = 3, BYTES = 400 + 200 + 4096 + 3 + 4 };

static enum mgm_status write_set(void)
{
    return mgm_shards_write(ctx, path_of(INDEX), TENSORS, TENSOR_COUNT, METADATA, 2, SHARD_BYTES);
}

/* Equal to a file with the same tensors and metadata. */
static void assert_same(const struct mgm_safetensors *set, const struct mgm_safetensors *whole)
{
    assert_int_equal(mgm_safetensors_count(set), mgm_safetensors_count(whole));
    for (int i = 0; i < mgm_safetensors_count(whole); i++) {
        const struct mgm_tensor *a = mgm_safetensors_at(set, i), *b = mgm_safetensors_at(whole, i);
        assert_string_equal(a->name, b->name);
        assert_string_equal(a->type, b->type);
        assert_int_equal(a->ndim, b->ndim);
        assert_memory_equal(a->dims, b->dims, sizeof a->dims);
        assert_int_equal(a->bytes, b->bytes);
        if (a->bytes)
            assert_memory_equal(a->data, b->data, a->bytes);
        assert_ptr_equal(mgm_safetensors_find(set, a->name), a);
    }
    assert_int_equal(mgm_safetensors_metadata_count(set), mgm_safetensors_metadata_count(whole));
    for (int i = 0; i < mgm_safetensors_metadata_count(whole); i++) {
        const char *key, *value, *expected_key, *expected;
        mgm_safetensors_metadata_at(set, i, &key, &value);
        mgm_safetensors_metadata_at(whole, i, &expected_key, &expected);
        assert_string_equal(key, expected_key);
        assert_string_equal(value, expected);
    }
}

static void test_round_trip(void **state)
{
    (void)state;
    struct mgm_safetensors *set = NULL, *whole = NULL;
    assert_int_equal(write_set(), MGM_OK);
    assert_int_equal(mgm_safetensors_write(ctx, path_of("whole"), TENSORS, TENSOR_COUNT, METADATA, 2), MGM_OK);
    assert_int_equal(mgm_weights_open(ctx, path_of(INDEX), &set), MGM_OK);
    assert_int_equal(mgm_weights_open(ctx, path_of("whole"), &whole), MGM_OK);
    assert_same(set, whole);
    assert_string_equal(mgm_safetensors_name(set), path_of(INDEX));
    assert_int_equal(mgm_safetensors_shard_count(set), SHARD_COUNT);
    assert_int_equal(mgm_safetensors_shard_count(whole), 0);
    assert_null(mgm_safetensors_find(set, "none"));

    assert_true(size_of("w-00001-of-00003.safetensors") <= SHARD_BYTES);
    assert_true(size_of("w-00002-of-00003.safetensors") > 4096); /* one tensor that is larger, alone */
    assert_true(size_of("w-00003-of-00003.safetensors") <= SHARD_BYTES);
    assert_int_equal(mgm_safetensors_bytes(set), size_of(INDEX) + size_of("w-00001-of-00003.safetensors") +
                                                     size_of("w-00002-of-00003.safetensors") +
                                                     size_of("w-00003-of-00003.safetensors"));
    assert_int_equal(mgm_safetensors_bytes(whole), size_of("whole"));
    mgm_safetensors_close(&set);
    mgm_safetensors_close(&whole);
    assert_int_equal(empty_folder(), SHARD_COUNT + 2);
}

/* The promise is on whole files, whatever needs escaping in their headers. */
static void test_shards_are_small_enough(void **state)
{
    (void)state;
    static char names[200][64];
    struct mgm_tensor_source sources[200];
    const char *const metadata[] = {"key\n\x01", "\"\\\b\f\t\x1f\x1e\x1d ü"};
    for (int i = 0; i < 200; i++) {
        memset(names[i], i % 2 ? 1 : 'a', 50);
        snprintf(names[i] + 50, sizeof names[i] - 50, "%d", i);
        sources[i] = (struct mgm_tensor_source){names[i], MGM_DTYPE_F32, 2, {2, i % 7}, VALUES};
    }
    for (uint64_t most = 800; most <= 4000; most += 400) {
        struct mgm_safetensors *set = NULL;
        assert_int_equal(mgm_shards_write(ctx, path_of("a.index.json"), sources, 200, metadata, 1, most), MGM_OK);
        assert_int_equal(mgm_weights_open(ctx, path_of("a.index.json"), &set), MGM_OK);
        assert_int_equal(mgm_safetensors_count(set), 200);
        const int count = mgm_safetensors_shard_count(set);
        assert_true(count > 1);
        mgm_safetensors_close(&set);
        for (int i = 1; i <= count; i++) {
            char name[64];
            snprintf(name, sizeof name, "a-%05d-of-%05d.safetensors", i, count);
            assert_true(size_of(name) <= most);
            assert_true(i == count || size_of(name) >= most / 4); /* bounds are wide for what is nearly all header */
        }
        assert_int_equal(empty_folder(), count + 1);
    }
}

static void test_content_decides(void **state)
{
    (void)state;
    struct mgm_safetensors *set = NULL;
    SHARD("only", "a");
    write_text("anything", "{\"weight_map\":{\"a\":\"only\"}}"); /* total_size may be left out */
    assert_int_equal(mgm_weights_open(ctx, path_of("anything"), &set), MGM_OK);
    assert_int_equal(mgm_safetensors_count(set), 1);
    mgm_safetensors_close(&set);
    assert_int_equal(rename(path_of("only"), path_of("only.index.json")), 0);
    assert_int_equal(mgm_weights_open(ctx, path_of("only.index.json"), &set), MGM_E_FORMAT);
    assert_non_null(strstr(ctx->error, "only.index.json: not an index of shards"));
}

static void test_metadata_are_merged(void **state)
{
    (void)state;
    static const char *const expected[][2] = {{"name", "of the set"},
                                              {"total_parameters", "12"},
                                              {"what", "{\"a\":[true,null]}"},
                                              {"width", "0.5"},
                                              {"seed", "7"}};
    struct mgm_safetensors *set = NULL;
    write_shard("s1", (const char *const[]){"a", NULL}, "width", "0.5");
    write_shard("s2", (const char *const[]){"b", NULL}, "width", "1");
    write_shard("s3", (const char *const[]){"c", NULL}, "seed", "7");
    write_shard("s4", (const char *const[]){"d", NULL}, "name", "of a shard");
    write_text(INDEX, "{\"metadata\":{\"name\":\"of the set\",\"total_size\":32.0,\"total_parameters\":12,"
                      "\"what\":{\"a\":[true,null]}},\"unknown\":[1],"
                      "\"weight_map\":{\"d\":\"s4\",\"c\":\"s3\",\"b\":\"s2\",\"a\":\"s1\"}}\n");
    if (mgm_weights_open(ctx, path_of(INDEX), &set) != MGM_OK)
        fail_msg("%s", ctx->error);
    assert_string_equal(mgm_safetensors_at(set, 0)->name, "a");
    assert_int_equal(mgm_safetensors_metadata_count(set), 5);
    for (int i = 0; i < 5; i++) {
        const char *key, *value;
        mgm_safetensors_metadata_at(set, i, &key, &value);
        assert_string_equal(key, expected[i][0]);
        assert_string_equal(value, expected[i][1]);
        assert_ptr_equal(mgm_safetensors_metadata(set, key), value);
    }
    mgm_safetensors_close(&set);
}

/* ---- sets that do not ------------------------------------------------------------------------------------------------ */

static void assert_refused(const char *index, enum mgm_status status, const char *message)
{
    struct mgm_safetensors *set = (struct mgm_safetensors *)&folder; /* which the call must not leave there */
    write_text(INDEX, index);
    ctx->error[0] = 0;
    enum mgm_status found = mgm_weights_open(ctx, path_of(INDEX), &set);
    if (found != status || !strstr(ctx->error, message) || !strstr(ctx->error, folder))
        fail_msg("%s: status %d, message '%s'; expected %d, '%s'", index, found, ctx->error, status, message);
    assert_null(set);
}

#define MAP(map) "{\"weight_map\":{" map "}}"

static void test_wrong_total_size(void **state)
{
    (void)state;
    SHARD("s", "a");
    assert_refused("{\"metadata\":{\"total_size\":9},\"weight_map\":{\"a\":\"s\"}}", MGM_E_FORMAT,
                   INDEX ": its total_size is 9, but the tensors of its shards have 8 bytes");
    assert_refused("{\"metadata\":{\"total_size\":9007199254740991},\"weight_map\":{\"a\":\"s\"}}", MGM_E_FORMAT,
                   INDEX ": its total_size is 9007199254740991, but");
}

static void test_shards_that_break_the_promise(void **state)
{
    (void)state;
    SHARD("s", "a", "b");
    SHARD("t", "c");
    SHARD("again", "c", "b");
    write_text("text", "no shard");
    assert_int_equal(mkdir(path_of("folder"), 0777), 0);
    assert_refused(MAP("\"a\":\"s\",\"b\":\"s\",\"c\":\"u\""), MGM_E_IO, "/u: cannot be opened: No such file");
    assert_refused(MAP("\"a\":\"s\",\"b\":\"s\",\"c\":\"t\",\"d\":\"t\""), MGM_E_FORMAT, "/t: tensor 'd' is missing; ");
    assert_refused(MAP("\"a\":\"s\",\"c\":\"t\""), MGM_E_FORMAT, "/s: tensor 'b' is in it, but ");
    assert_refused(MAP("\"a\":\"s\",\"c\":\"t\""), MGM_E_FORMAT, INDEX " does not name it");
    assert_refused(MAP("\"a\":\"s\",\"b\":\"s\",\"c\":\"again\""), MGM_E_FORMAT, "/again: tensor 'b' is in it, but ");
    assert_refused(MAP("\"a\":\"s\",\"b\":\"s\",\"c\":\"again\""), MGM_E_FORMAT, INDEX " places it in 's'");
    assert_refused(MAP("\"a\":\"s\",\"b\":\"t\",\"c\":\"t\""), MGM_E_FORMAT, INDEX " places it in 't'");
    assert_refused(MAP("\"a\":\"s\",\"b\":\"s\",\"c\":\"text\""), MGM_E_FORMAT, "/text: not a safetensors file");
    assert_refused(MAP("\"a\":\"s\",\"b\":\"s\",\"c\":\"folder\""), MGM_E_IO, "/folder: not a file");
    assert_refused(MAP("\"a\":\"" INDEX "\""), MGM_E_FORMAT, INDEX ": not a safetensors file");
    assert_int_equal(truncate(path_of("t"), (off_t)size_of("t") - 1), 0);
    assert_refused(MAP("\"a\":\"s\",\"b\":\"s\",\"c\":\"t\""), MGM_E_FORMAT, "/t: tensor 'c' should lie in");
}

/* ---- writing that fails ---------------------------------------------------------------------------------------------- */

static void test_refused_writes_leave_nothing(void **state)
{
    (void)state;
    static const float large[1] = {65520};
    struct mgm_tensor_source sources[] = {TENSORS[0], TENSORS[1], {"large", MGM_DTYPE_F16, 1, {1}, large}};
    assert_int_equal(mgm_shards_write(ctx, path_of(INDEX), sources, 3, NULL, 0, 1), MGM_E_INVALID);
    assert_non_null(strstr(ctx->error, "w-00003-of-00003.safetensors: tensor 'large' has a value of 65520"));
    sources[2] = TENSORS[0];
    assert_int_equal(mgm_shards_write(ctx, path_of(INDEX), sources, 3, NULL, 0, 1), MGM_E_INVALID);
    assert_non_null(strstr(ctx->error, INDEX ": the name 'z' of a tensor is taken"));
    assert_int_equal(mgm_shards_write(ctx, path_of(INDEX), sources, 0, NULL, 0, 1), MGM_E_INVALID);
    assert_int_equal(mgm_shards_write(ctx, path_of("whole.safetensors"), sources, 1, NULL, 0, 1), MGM_E_INVALID);
    assert_non_null(strstr(ctx->error, "whole.safetensors: no name for an index of shards"));
    assert_int_equal(mgm_shards_write(ctx, path_of("no/such/a.index.json"), sources, 1, NULL, 0, 1), MGM_E_IO);
    assert_int_equal(mkdir(path_of("a.index.json"), 0777), 0);
    assert_int_equal(mgm_shards_write(ctx, path_of("a.index.json"), sources, 1, NULL, 0, 1), MGM_E_IO);
    assert_non_null(strstr(ctx->error, "a.index.json: cannot be replaced"));
    assert_int_equal(empty_folder(), 1);
    assert_int_equal(mkdir(path_of("w-00002-of-00002.safetensors"), 0777), 0); /* seen when the first one has its name */
    assert_int_equal(mgm_shards_write(ctx, path_of(INDEX), sources, 2, NULL, 0, 1), MGM_E_IO);
    assert_non_null(strstr(ctx->error, "w-00002-of-00002.safetensors: writing failed"));
    assert_int_equal(empty_folder(), 1);
}

static enum mgm_status write_limited(rlim_t bytes)
{
    struct rlimit unlimited, limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &unlimited), 0);
    limit = (struct rlimit){.rlim_cur = bytes, .rlim_max = unlimited.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    enum mgm_status status = write_set();
    setrlimit(RLIMIT_FSIZE, &unlimited);
    return status;
}

/* Wherever the disk is full, a set that was there is as it was. */
static void test_full_disk_leaves_what_was_there(void **state)
{
    (void)state;
    assert_int_equal(write_limited(100), MGM_E_IO);
    assert_int_equal(empty_folder(), 0);
    assert_int_equal(write_set(), MGM_OK);
    for (rlim_t bytes = 0; bytes < 4500; bytes += 100) {
        struct mgm_safetensors *set = NULL;
        const enum mgm_status status = write_limited(bytes);
        if (status == MGM_OK)
            assert_true(bytes > 4096);
        else
            assert_non_null(strstr(ctx->error, "writing failed: File too large"));
        assert_int_equal(mgm_weights_open(ctx, path_of(INDEX), &set), MGM_OK);
        assert_int_equal(mgm_safetensors_count(set), TENSOR_COUNT);
        mgm_safetensors_close(&set);
    }
    assert_int_equal(empty_folder(), SHARD_COUNT + 1);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan),
        TEST(test_round_trip),
        TEST(test_shards_are_small_enough),
        TEST(test_content_decides),
        TEST(test_metadata_are_merged),
        TEST(test_wrong_total_size),
        TEST(test_shards_that_break_the_promise),
        TEST(test_refused_writes_leave_nothing),
        TEST(test_full_disk_leaves_what_was_there),
    };
    return cmocka_run_group_tests_name("shards", tests, NULL, NULL);
}
