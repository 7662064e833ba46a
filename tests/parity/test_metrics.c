/* SAD, MSE, Grad and Conn against oracle/metrics, which the benchmark's own code computed: within 1e-5, relative. */
#include "oracle.h"
#include "picture.h"

#include "eval/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double RELATIVE = 1e-5;
enum { METRICS = 4 };
static const char HEADING[] = "name,region,sad,mse,grad,conn\n";

/* One line of expected.csv. */
struct expectation {
    char name[64], region[64];
    double values[METRICS];
};

static void check(const struct expectation *want, const double *got)
{
    static const char *const names[METRICS] = {"sad", "mse", "grad", "conn"};
    for (int k = 0; k < METRICS; k++) {
        const double difference = fabs(got[k] - want->values[k]);
        print_message("%s %s %s: %.9g, relative difference %.2g\n", want->name, want->region, names[k], got[k],
                      difference > 0 ? difference / want->values[k] : 0);
        assert_true(difference <= RELATIVE * want->values[k]);
    }
}

static struct test_picture read_part(const char *folder, const char *name, const char *part)
{
    char file[128];
    snprintf(file, sizeof file, "%s_%s.png", name, part);
    return read_test_picture(folder, file, 1);
}

static void check_line(struct mgm_context *ctx, const char *folder, const struct expectation *want)
{
    struct test_picture pred = read_part(folder, want->name, "pred"), truth = read_part(folder, want->name, "gt"),
                        trimap = read_part(folder, want->name, "trimap");
    const int h = truth.height, w = truth.width;
    const size_t count = (size_t)h * (size_t)w;
    const bool whole = strcmp(want->region, "whole") == 0;
    const uint8_t *region = whole ? NULL : trimap.values;
    assert_true(whole || strcmp(want->region, "unknown") == 0);
    double got[METRICS] = {mgm_metric_sad(pred.values, truth.values, region, count),
                           mgm_metric_mse(pred.values, truth.values, region, count)};
    ASSERT_OK(ctx, mgm_metric_grad(ctx, pred.values, truth.values, region, h, w, &got[2]));
    ASSERT_OK(ctx, mgm_metric_conn(ctx, pred.values, truth.values, region, h, w, &got[3]));
    check(want, got);
    free(pred.values);
    free(truth.values);
    free(trimap.values);
}

static void test_metrics(void **state)
{
    (void)state;
    char folder[4096], path[8192], line[256];
    struct mgm_context *ctx = NULL;
    struct expectation want;
    int lines = 0;
    snprintf(folder, sizeof folder, "%s/metrics", oracle_folder());
    snprintf(path, sizeof path, "%s/expected.csv", folder);
    FILE *file = fopen(path, "r");
    if (!file) {
        print_message("there is no %s: skipped\n", path);
        skip();
    }
    assert_int_equal(mgm_context_create(&ctx), MGM_OK);
    assert_non_null(fgets(line, sizeof line, file));
    assert_string_equal(line, HEADING);
    while (fgets(line, sizeof line, file)) {
        const int fields = sscanf(line, "%63[^,],%63[^,],%lf,%lf,%lf,%lf", want.name, want.region, &want.values[0],
                                  &want.values[1], &want.values[2], &want.values[3]);
        assert_int_equal(fields, 2 + METRICS);
        check_line(ctx, folder, &want);
        lines++;
    }
    fclose(file);
    mgm_context_destroy(&ctx);
    assert_true(lines > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_metrics)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
