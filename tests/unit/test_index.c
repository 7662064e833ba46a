/* The index of a set of shards as a text: what cannot be is refused with a sentence. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/context.h"
#include "weights/index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct mgm_context *ctx;

static int set_up(void **state)
{
    (void)state;
    return mgm_context_create(&ctx) == MGM_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    mgm_context_destroy(&ctx);
    return 0;
}

/* In a block of exactly that size, so that a sanitizer sees any excess. */
static enum mgm_status parse(const char *text, size_t size, struct mgm_index **index)
{
    uint8_t *bytes = malloc(size ? size : 1);
    assert_non_null(bytes);
    memcpy(bytes, text, size);
    enum mgm_status status = mgm_index_parse(ctx, "case", bytes, size, index);
    free(bytes);
    return status;
}

static void assert_refused(const char *text, const char *message)
{
    struct mgm_index *index = NULL;
    ctx->error[0] = 0;
    enum mgm_status status = parse(text, strlen(text), &index);
    if (status != MGM_E_FORMAT || !strstr(ctx->error, message) || strncmp(ctx->error, "case: ", 6) != 0)
        fail_msg("%s: status %d, message '%s'; expected '%s'", text, status, ctx->error, message);
    assert_null(index);
}

#define MAP(map) "{\"weight_map\":{" map "}}"

static void test_index(void **state)
{
    (void)state;
    static const char text[] = "{\"x\":1,\"metadata\":{\"total_size\":9007199254740991,\"format\":\"pt\"},"
                               "\"weight_map\":{\"b\":\"two\",\"c\":\"one\",\"\":\"two\",\"a\":\"..a b\"}}\n";
    static const struct mgm_index_entry expected[] = {{"", 2}, {"a", 0}, {"b", 2}, {"c", 1}};
    struct mgm_index *index = NULL;
    assert_int_equal(parse(text, sizeof text - 1, &index), MGM_OK);
    assert_int_equal(index->count, 4);
    assert_int_equal(index->shard_count, 3);
    assert_string_equal(index->shards[0], "..a b");
    assert_string_equal(index->shards[1], "one");
    assert_string_equal(index->shards[2], "two");
    for (int i = 0; i < 4; i++) {
        assert_string_equal(index->entries[i].tensor, expected[i].tensor);
        assert_int_equal(index->entries[i].shard, expected[i].shard);
        assert_ptr_equal(mgm_index_find(index, expected[i].tensor), &index->entries[i]);
    }
    assert_null(mgm_index_find(index, "d"));
    assert_non_null(index->total_size);
    mgm_index_destroy(&index);
    assert_null(index);
}

static void test_what_is_an_index(void **state)
{
    (void)state;
    assert_true(mgm_index_is_name("a.index.json") && mgm_index_is_name("x/a.safetensors.index.json"));
    assert_false(mgm_index_is_name("x/.index.json") || mgm_index_is_name("a.json") || mgm_index_is_name("index.json"));
    assert_true(mgm_index_is((const uint8_t *)"{\"a\":{ }}", 8));
    assert_false(mgm_index_is((const uint8_t *)"{\"a\":{ }}", 7));
    assert_false(mgm_index_is((const uint8_t *)"{\1\2\3\4\5\6\0{", 9)); /* the length of a header */
    assert_false(mgm_index_is(NULL, 0));
}

static void test_bad_indices(void **state)
{
    (void)state;
    static const char *const no_objects[] = {
        "", "{", "[]", "null", "{} x", MAP("\"a\":\"s\"") "}", "{\"weight_map\":{\"a\":\"s\"}", MAP("\"a\x01\":\"s\"")};
    static const char *const no_maps[] = {"{}", "{\"weight_map\":[]}", "{\"weight_map\":{}}",
                                          "{\"Weight_map\":{\"a\":\"s\"}}"};
    static const char *const no_names[] = {"",         ".",   "..",   "/etc/passwd", "../s",
                                           "in/here",  "s/",  "./s",  "a\\u0007",    "../../tmp/s",
                                           "\\u002e.", "a/b", "\\/s", "\\u002fs",    "a\\nb"};
    char index[1024], name[300];
    for (size_t i = 0; i < sizeof no_objects / sizeof *no_objects; i++)
        assert_refused(no_objects[i], "not an index of shards: it is not a JSON object");
    for (size_t i = 0; i < sizeof no_maps / sizeof *no_maps; i++)
        assert_refused(no_maps[i], "not an index of shards: expected a weight_map");
    for (size_t i = 0; i < sizeof no_names / sizeof *no_names; i++) {
        snprintf(index, sizeof index, MAP("\"a\":\"%s\""), no_names[i]);
        assert_refused(index, "it places tensor 'a' in '");
    }
    memset(name, 'n', sizeof name);
    name[256] = 0;
    snprintf(index, sizeof index, MAP("\"a\":\"%s\""), name);
    assert_refused(index, "it places tensor 'a' in 'nnn");
    assert_refused(MAP("\"a\":1"), "it does not say in which file tensor 'a' is");
    assert_refused(MAP("\"a\":\"s\",\"b\":\"s\",\"a\":\"s\""), "it names tensor 'a' more than once");
    assert_refused(MAP("\"a\":\"s\",\"a\":\"t\""), "it names tensor 'a' more than once");
    assert_refused("{\"weight_map\":{\"a\":\"s\"},\"weight_map\":{\"b\":\"s\"}}", "it has more than one 'weight_map'");
}

/* What is small on disk stays small in memory. */
static void test_many_values_do_no_harm(void **state)
{
    (void)state;
    enum { MOST = 1 << 22 };
    struct mgm_index *index = NULL;
    char *text = malloc(2 * MOST + 64), *end = stpcpy(text, "{\"weight_map\":{\"a\":\"s\"},\"b\":[0");
    assert_non_null(text);
    for (int i = 0; i < MOST; i++)
        end = stpcpy(end, ",0");
    end = stpcpy(end, "]}");
    assert_int_equal(mgm_index_parse(ctx, "case", text, (size_t)(end - text), &index), MGM_E_FORMAT);
    assert_non_null(strstr(ctx->error, "case: its JSON has more values than any weights have"));
    assert_null(index);
    free(text);
}

static void test_bad_metadata(void **state)
{
    (void)state;
    static const char *const sizes[] = {"-1",   "1.5", "9007199254740992", "1e300", "1e999", "\"8\"", "null",
                                        "true", "[]",  "{\"a\":8}"};
    char index[256];
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        snprintf(index, sizeof index, "{\"metadata\":{\"total_size\":%s},\"weight_map\":{\"a\":\"s\"}}", sizes[i]);
        assert_refused(index, "its total_size is not a whole number");
    }
    assert_refused("{\"metadata\":{\"total_size\":8,\"total_size\":8},\"weight_map\":{\"a\":\"s\"}}",
                   "it has more than one 'total_size'");
    assert_refused("{\"metadata\":[],\"weight_map\":{\"a\":\"s\"}}", "its metadata are not a JSON");
    assert_refused("{\"metadata\":{},\"metadata\":{},\"weight_map\":{\"a\":\"s\"}}", "it has more than one 'metadata'");
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    static const char text[] = "{\"metadata\":{\"total_size\":8},\"weight_map\":{\"a\":\"s\"}}";
    for (size_t size = 0; size < sizeof text; size++) {
        struct mgm_index *index = NULL;
        assert_int_equal(parse(text, size, &index), size == sizeof text - 1 ? MGM_OK : MGM_E_FORMAT);
        mgm_index_destroy(&index);
    }
}

#define TEST(function) cmocka_unit_test(function)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_index),        TEST(test_what_is_an_index),
        TEST(test_bad_indices),  TEST(test_many_values_do_no_harm),
        TEST(test_bad_metadata), TEST(test_every_truncation_is_refused),
    };
    return cmocka_run_group_tests_name("index", tests, set_up, tear_down);
}
