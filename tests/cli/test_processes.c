/** mpirun -n N mgm train: as one process would train, with one that writes, ending together. */
#include "shell.h"
#include "workshop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MPIRUN "timeout 120 mpirun --oversubscribe --bind-to none "

static int open_with_data(void **state)
{
    if (workshop_open(state) != 0)
        return -1;
    mkdir(in_workshop("data"), 0777);
    mkdir(in_workshop("data/photos"), 0777);
    make_picture("data/photos/a.png", MOTIF_COLOURS, 160, 120, 3, 8, 0);
    make_picture("data/photos/b.png", MOTIF_SOFT, 120, 160, 3, 8, 0);
    write_text("tiny.cfg", "name = \"tiny\"; iterations = 1; average = 0.9;\n"
                           "model : { width = 0.125; precision = \"f32\"; };\n"
                           "crops = ( { until = 1.0; size = 64; batch = 4; } );\n"
                           "foregrounds : { count = 8; size = 96; cache = \"cache\"; };\n"
                           "workers = 1; ahead = 1;\n"
                           "validation : { interval = 1; count = 1; size = 64; };\n"
                           "data = \"data\"; run = \"run\";\n");
    return 0;
}

static int count_of(const char *part, const char *text)
{
    int count = 0;
    for (const char *at = text; (at = strstr(at, part)); at++)
        count++;
    return count;
}

/** The event of that name in a run's log, which has one. */
static cJSON *event_of(const char *log, const char *name)
{
    char line[4096];
    cJSON *found = NULL;
    FILE *file = fopen(in_workshop(log), "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        cJSON *object = cJSON_Parse(line);
        const bool wanted = strcmp(cJSON_GetObjectItem(object, "event")->valuestring, name) == 0;
        assert_true(!wanted || !found);
        if (wanted)
            found = object;
        else
            cJSON_Delete(object);
    }
    fclose(file);
    assert_non_null(found);
    return found;
}

static void test_two_are_as_one(void **state)
{
    (void)state;
    free(expect_script("mgm train tiny.cfg --threads 1 --run one --set foregrounds.cache=\n", 0, "complete at"));
    char *text = expect_script(MPIRUN "-n 2 mgm train tiny.cfg --threads 1\n", 0, "2 of them in each of 2 processes");
    assert_int_equal(count_of("complete at iteration 1", text), 1);
    assert_int_equal(count_of("held out: ", text), 1);
    assert_int_equal(count_of("foregrounds: 8 of 8", text), 1); /* drawn once, read by the other */
    free(text);
    static const char *const same[] = {"samples", "batch", "mask_os4", "mask_os1", "iteration", "learning_rate"};
    static const char *const close[] = {"loss", "l1_os8", "comp_os4", "lap_os1", "l1_os1"};
    cJSON *one = event_of("one/log.jsonl", "progress"), *two = event_of("run/log.jsonl", "progress");
    for (size_t i = 0; i < sizeof same / sizeof *same; i++)
        assert_true(number_in(one, same[i]) == number_in(two, same[i]));
    for (size_t i = 0; i < sizeof close / sizeof *close; i++)
        assert_true(fabs(number_in(two, close[i]) / number_in(one, close[i]) - 1) < 1e-5);
    /* A gradient may have met a kink: test_together.c looks closer. */
    assert_true(fabs(number_in(two, "gradient_norm") / number_in(one, "gradient_norm") - 1) < 1e-3);
    cJSON_Delete(one);
    cJSON_Delete(two);
    text = expect_script(MPIRUN "-n 4 mgm train tiny.cfg --threads 1 --resume --set iterations=3 --minutes 0.00001\n", 0,
                         "going on from iteration 1");
    assert_non_null(strstr(text, "stopped at iteration 2 of 3"));
    free(text);
}

static void test_refusals(void **state)
{
    (void)state;
    char *text = expect_script(MPIRUN "-n 3 mgm train tiny.cfg 2>&1\n", 1,
                               "a batch of 4 crops (crops.batch) cannot be shared evenly by 3 processes");
    assert_null(strstr(text, "drawing"));
    free(text);
    free(expect_script("MGM_MPI_MODULE=/nowhere " MPIRUN "-n 2 mgm train tiny.cfg\n", 1, "the MPI module cannot be loaded"));
}

/** Only the first process writes, and fails; the other one waits for it, and is ended. */
static void test_one_ends_all(void **state)
{
    (void)state;
    free(expect_script(MPIRUN "-n 2 mgm train tiny.cfg --threads 1 --run tiny.cfg/run\n", 1,
                       "process 0 of 2, which ends all: cannot make the folder tiny.cfg"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_with_data, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_two_are_as_one),
        TEST(test_refusals),
        TEST(test_one_ends_all),
    };
    const bool built = atoi(getenv("MGM_TEST_MPI"));
    if (!built || !is_installed("mpirun")) {
        printf("skipped: %s\n", built ? "there is no mpirun" : "this mgm was built without MPI");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
