/* What benchmarks are made of: composed test pictures, lists of names, results files, the table of protocols. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

#include "base/memory.h"
#include "eval/compose.h"
#include "eval/name_list.h"
#include "eval/protocols.h"
#include "eval/results.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static struct mgm_context *ctx;

static int open_context(void **state)
{
    (void)state;
    return mgm_context_create(&ctx) == MGM_OK ? 0 : -1;
}

static int close_context(void **state)
{
    (void)state;
    mgm_context_destroy(&ctx);
    return 0;
}

/** Values as the benchmark's program has them: int(alpha · fg + (1 − alpha) · bg) in double, and known pixels untouched. */
static void test_composing_truncates(void **state)
{
    (void)state;
    uint8_t fg[4 * 3] = {200, 10, 255, 200, 10, 255, 200, 10, 255, 200, 10, 255}, alpha[4] = {0, 255, 128, 1};
    uint8_t bg[2 * 5 * 3];
    memset(bg, 100, sizeof bg);
    bg[3 * 5] = 7; /* the second row begins here */
    const struct mgm_bitmap foreground = {2, 2, 3, fg}, matte = {2, 2, 1, alpha}, background = {5, 2, 3, bg};
    struct mgm_bitmap out;
    assert_int_equal(mgm_compose_test(ctx, &foreground, &matte, &background, &out), MGM_OK);
    const uint8_t want[4 * 3] = {100, 100, 100, 200, 10, 255, /* 128/255·200 + 127/255·7 = 103.88 */
                                 103, 54,  177, 100, 99, 100};
    assert_memory_equal(out.data, want, sizeof want);
    mgm_bitmap_release(&out);
    const struct mgm_bitmap narrow = {1, 2, 3, bg}, other = {1, 2, 1, alpha};
    assert_int_equal(mgm_compose_test(ctx, &foreground, &matte, &narrow, &out), MGM_E_SHAPE);
    assert_int_equal(mgm_compose_test(ctx, &foreground, &other, &background, &out), MGM_E_SHAPE);
}

static void test_backgrounds_cover(void **state)
{
    (void)state;
    const struct mgm_bitmap foreground = {.width = 100, .height = 80}, wide = {.width = 90, .height = 30},
                            large = {.width = 100, .height = 200};
    int width, height;
    mgm_cover_size(&foreground, &wide, &width, &height);
    assert_true(width == 240 && height == 80);
    mgm_cover_size(&foreground, &large, &width, &height);
    assert_true(width == 100 && height == 200);
}

static void test_name_lists(void **state)
{
    (void)state;
    struct mgm_name_list list;
    const char *text = "a b.png\r\n\n  c.jpg \n last";
    assert_int_equal(mgm_name_list_parse(ctx, "list", text, strlen(text), &list), MGM_OK);
    assert_int_equal(list.count, 3);
    assert_string_equal(list.names[0], "a b.png");
    assert_string_equal(list.names[1], "c.jpg");
    assert_string_equal(list.names[2], "last");
    mgm_name_list_release(&list);
    static const char *const wrong[] = {"", "\n\r\n", "a\n../b", "..", "a\tb", "x\x7fy"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_int_equal(mgm_name_list_parse(ctx, "list", wrong[i], strlen(wrong[i]), &list), MGM_E_FORMAT);
    assert_int_equal(mgm_name_list_parse(ctx, "list", "a\0b", 3, &list), MGM_E_FORMAT);
}

static enum mgm_status keep(void *argument, const struct mgm_eval_result *result)
{
    struct mgm_eval_result *kept = argument;
    assert_string_equal(result->name, "näme");
    assert_string_equal(result->guidance, "trimap");
    *kept = *result;
    return MGM_OK;
}

static void test_results_come_back(void **state)
{
    (void)state;
    struct mgm_eval_result result = {"näme", "trimap", mgm_eval_scores_none(), mgm_eval_scores_none(), 0.25}, back;
    for (int k = 0; k < MGM_METRIC_COUNT; k++)
        result.matte.values[MGM_REGION_UNKNOWN][k] = 1.0 / (k + 3);
    char *line = mgm_eval_result_print(&result), text[1024];
    assert_non_null(line);
    snprintf(text, sizeof text, "{\"a\":1}\n%s\n%.20s", line, line); /* the last one was not finished */
    size_t whole;
    assert_int_equal(mgm_eval_results_parse(ctx, "file", text, strlen(text), "{\"a\":1}", keep, &back, &whole), MGM_OK);
    assert_int_equal(whole, strlen(text) - 20);
    for (int k = 0; k < MGM_METRIC_COUNT; k++)
        assert_true(back.matte.values[MGM_REGION_UNKNOWN][k] == result.matte.values[MGM_REGION_UNKNOWN][k]);
    assert_true(isnan(back.matte.values[MGM_REGION_WHOLE][0]) && isnan(back.itself.values[MGM_REGION_UNKNOWN][0]));
    assert_true(back.seconds == 0.25);
    assert_int_equal(mgm_eval_results_parse(ctx, "file", text, strlen(text), "{\"a\":2}", keep, &back, &whole),
                     MGM_E_INVALID);
    static const char *const wrong[] = {"{}", "[]", "{\"name\":\"x\",\"guidance\":\"y\",\"seconds\":1,\"matte\":{}}",
                                        ("{\"name\":\"x\",\"guidance\":\"y\",\"seconds\":1,\"matte\":{\"whole\":[1,2,3]},"
                                         "\"itself\":{}}")};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        snprintf(text, sizeof text, "{\"a\":1}\n%s\n", wrong[i]);
        assert_int_equal(mgm_eval_results_parse(ctx, "file", text, strlen(text), "{\"a\":1}", keep, &back, &whole),
                         MGM_E_FORMAT);
        assert_non_null(strstr(mgm_context_error(ctx), "line 2"));
    }
    cJSON_free(line);
}

/** Every published line belongs to a protocol, its region and, where it names one, its guidance. */
static void test_published_figures_have_a_place(void **state)
{
    (void)state;
    int count = 0;
    for (const struct mgm_published *line = mgm_published; line->protocol; line++, count++) {
        const struct mgm_protocol *protocol = mgm_protocol_named(line->protocol);
        assert_non_null(protocol);
        bool region = false, guidance = line->guidance == NULL;
        for (int i = 0; i < protocol->region_count; i++)
            region = region || protocol->regions[i] == line->region;
        for (int i = 0; i < mgm_protocol_guidance_count(protocol); i++)
            guidance = guidance || !strcmp(protocol->guidances[i].name, line->guidance);
        assert_true(region && guidance);
    }
    assert_true(count > 40);
    assert_null(mgm_protocol_named("unheard-of"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_composing_truncates),
        cmocka_unit_test(test_backgrounds_cover),
        cmocka_unit_test(test_name_lists),
        cmocka_unit_test(test_results_come_back),
        cmocka_unit_test(test_published_figures_have_a_place),
    };
    return cmocka_run_group_tests(tests, open_context, close_context);
}
