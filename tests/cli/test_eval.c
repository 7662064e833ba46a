/* mgm guidance and mgm eval: what they write and say of a few small mattes, and how they fail. */
#include "workshop.h"

#include "../unit/near.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int open_with_mattes(void **state)
{
    if (workshop_open(state) != 0)
        return -1;
    mkdir(in_workshop("truth"), 0777);
    mkdir(in_workshop("trimap"), 0777);
    make_picture("truth/a.png", MOTIF_DISC, 40, 30, 1, 8, 0);
    make_picture("truth/b.png", MOTIF_SOFT, 33, 50, 3, 8, 0);
    make_picture("trimap/a.png", MOTIF_TRIMAP, 40, 30, 1, 8, 0);
    make_picture("trimap/b.png", MOTIF_TRIMAP, 33, 50, 1, 8, 0);
    return 0;
}

static void derive(const char *kind, const char *output)
{
    struct run run = run_mgm("guidance", in_workshop("truth/a.png"), in_workshop("truth/b.png"), "-o", in_workshop(output),
                             "--kind", kind, NULL);
    expect_success(&run);
}

static void test_guidance_is_made_of_masks(void **state)
{
    (void)state;
    derive("eroded:5", "eroded");
    derive("dilated5", "dilated");
    struct pixels small = read_pixels("eroded/a.png"), truth = read_pixels("truth/a.png"),
                  big = read_pixels("dilated/a.png");
    int counts[3] = {0};
    assert_true(small.width == 40 && small.height == 30 && small.channels == 1);
    for (int i = 0; i < 40 * 30; i++) {
        assert_true(small.values[i] <= truth.values[i] && truth.values[i] <= big.values[i]);
        assert_true((small.values[i] == 0 || small.values[i] == 255) && (big.values[i] == 0 || big.values[i] == 255));
        counts[0] += small.values[i] != 0;
        counts[1] += truth.values[i] != 0;
        counts[2] += big.values[i] != 0;
    }
    assert_true(0 < counts[0] && counts[0] < counts[1] && counts[1] < counts[2]);
    free(small.values);
    free(truth.values);
    free(big.values);
}

/* SAD and MSE by hand, over pixels where the trimap is 128. */
static void test_scores(void **state)
{
    (void)state;
    derive("dilated5", "pred");
    struct run run = run_mgm("eval", "--pred", in_workshop("pred"), "--alpha", in_workshop("truth"), "--trimap",
                             in_workshop("trimap"), "--json", NULL);
    expect_success(&run);
    cJSON *object = cJSON_Parse(run.out);
    assert_non_null(object);
    double mean = 0;
    static const char *const files[2][2] = {{"pred/a.png", "truth/a.png"}, {"pred/b.png", "truth/b.png"}};
    for (int k = 0; k < 2; k++) {
        struct pixels pred = read_pixels(files[k][0]), truth = read_pixels(files[k][1]);
        double sad = 0, mse = 0;
        int count = 0;
        for (int i = 0; i < truth.width * truth.height; i++) {
            if (motif_at(MOTIF_TRIMAP, truth.width, truth.height, i % truth.width, i / truth.width, 0) != 128)
                continue;
            double difference = (pred.values[i] - truth.values[i * truth.channels]) / 255.0;
            sad += difference < 0 ? -difference : difference;
            mse += difference * difference;
            count++;
        }
        const cJSON *score = cJSON_GetArrayItem(cJSON_GetObjectItem(object, "pictures"), k);
        assert_string_equal(cJSON_GetObjectItem(score, "name")->valuestring, k ? "b" : "a");
        assert_true(sad > 0);
        assert_near(number_in(score, "sad"), sad / 1000, 1e-6);
        assert_near(number_in(score, "mse"), mse / count, 1e-6);
        mean += sad / 1000 / 2;
        free(pred.values);
        free(truth.values);
    }
    assert_near(number_in(cJSON_GetObjectItem(object, "mean"), "sad"), mean, 1e-6);
    cJSON_Delete(object);
}

static double field(const char *line, int number)
{
    for (; number > 0; number--)
        line = strchr(line, ',') + 1;
    return strtod(line, NULL);
}

/* A map of details is a region where it is not 0; the columns are those that other tools rely on. */
static void test_details_and_columns(void **state)
{
    (void)state;
    derive("dilated5", "pred");
    mkdir(in_workshop("detail"), 0777);
    make_picture("detail/a.png", MOTIF_SOFT, 40, 30, 1, 8, 0);
    make_picture("detail/b.png", MOTIF_DISC, 33, 50, 1, 8, 0);
    struct run run = run_mgm("eval", "--pred", in_workshop("pred"), "--alpha", in_workshop("truth"), "--detail",
                             in_workshop("detail"), "--csv", NULL);
    expect_success(&run);
    assert_memory_equal(run.out, "name,sad,mse,grad,conn\na,", strlen("name,sad,mse,grad,conn\na,"));
    const char *a = strstr(run.out, "\na,") + 1, *b = strstr(run.out, "\nb,") + 1, *mean = strstr(run.out, "\nmean,") + 1;
    struct pixels pred = read_pixels("pred/a.png"), truth = read_pixels("truth/a.png");
    double sad = 0;
    for (int i = 0; i < 40 * 30; i++)
        if (motif_at(MOTIF_SOFT, 40, 30, i % 40, i / 40, 0) > 0)
            sad += abs(pred.values[i] - truth.values[i]) / 255.0;
    assert_true(sad > 0);
    assert_near(field(a, 1), sad / 1000, 1e-6);
    for (int k = 1; k <= 4; k++) {
        assert_true(field(b, k) > 0);
        assert_near(field(mean, k), (field(a, k) + field(b, k)) / 2, 1e-6);
    }
    free(pred.values);
    free(truth.values);
    run = run_mgm("eval", "--pred", in_workshop("pred"), "--alpha", in_workshop("truth"), "--detail", in_workshop("detail"),
                  "--csv", "--parts", NULL);
    expect_success(&run);
    assert_memory_equal(run.out, "name,sad,lost,added,over,under\na,", strlen("name,sad,lost,added,over,under\na,"));
    for (const char *line = strstr(run.out, "\na,"); line; line = strchr(line + 1, '\n')) /* both pictures and the mean */
        assert_true(!line[1] || fabs(field(line + 1, 1) - field(line + 1, 2) - field(line + 1, 3) - field(line + 1, 4) -
                                     field(line + 1, 5)) < 1e-6);
    run = run_mgm("eval", "--pred", in_workshop("pred"), "--alpha", in_workshop("truth"), "--detail", in_workshop("detail"),
                  "--trimap", in_workshop("trimap"), NULL);
    assert_int_equal(run.status, 2);
}

static void test_trimap_is_copied(void **state)
{
    (void)state;
    struct run run = run_mgm("guidance", in_workshop("truth/a.png"), "-o", in_workshop("copy"), "--kind", "trimap",
                             "--trimap", in_workshop("trimap"), NULL);
    expect_success(&run);
    struct pixels got = read_pixels("copy/a.png"), want = read_pixels("trimap/a.png");
    assert_memory_equal(got.values, want.values, 40 * 30);
    free(got.values);
    free(want.values);
}

static void test_what_is_missing_is_named(void **state)
{
    (void)state;
    mkdir(in_workshop("pred"), 0777);
    make_picture("pred/a.jpg", MOTIF_DISC, 40, 30, 1, 8, 0);
    struct run run = run_mgm("eval", "--pred", in_workshop("pred"), "--alpha", in_workshop("truth"), "--csv", NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "no picture called b"));
    assert_non_null(strstr(run.out, "\na,"));
    assert_non_null(strstr(run.out, "\nmean,"));
    make_picture("pred/b.png", MOTIF_SOFT, 50, 33, 1, 8, 0);
    run = run_mgm("eval", "--pred", in_workshop("pred"), "--alpha", in_workshop("truth"), NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "50 × 33"));
    make_picture("pred/a.png", MOTIF_DISC, 40, 30, 1, 8, 0);
    run = run_mgm("eval", "--pred", in_workshop("pred"), "--alpha", in_workshop("truth"), NULL);
    assert_int_equal(run.status, 1);
    assert_non_null(strstr(run.err, "same name"));
}

/** A name that a reader of CSV would take for two fields. */
static void test_names_in_csv(void **state)
{
    (void)state;
    mkdir(in_workshop("odd"), 0777);
    make_picture("odd/one, \"two\".png", MOTIF_DISC, 40, 30, 1, 8, 0);
    struct run run = run_mgm("eval", "--pred", in_workshop("odd"), "--alpha", in_workshop("odd"), "--csv", NULL);
    expect_success(&run);
    assert_non_null(strstr(run.out, "\n\"one, \"\"two\"\"\",0,"));
}

static void test_wrong_kinds(void **state)
{
    (void)state;
    static const char *const kinds[] = {"eroded", "dilated256", "coarse0", "blurred3"};
    int files = count_files();
    for (int i = 0; i < 4; i++) {
        struct run run = run_mgm("guidance", in_workshop("truth/a.png"), "-o", in_workshop("out"), "--kind", kinds[i], NULL);
        expect_failure(&run, 2, kinds[i], files);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_with_mattes, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_guidance_is_made_of_masks),
        TEST(test_scores),
        TEST(test_details_and_columns),
        TEST(test_trimap_is_copied),
        TEST(test_what_is_missing_is_named),
        TEST(test_names_in_csv),
        TEST(test_wrong_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
