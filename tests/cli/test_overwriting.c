/* What is read is never written over, whichever way it is named; nor is what is no ordinary file. */
#include "shell.h"
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>

static int set_up(void **state)
{
    return workshop_open_with_pictures(state, 45, 30);
}

static void a_benchmark_keeps_its_data(void **state)
{
    (void)state;
    free(expect_script("mkdir -p bench/image bench/alpha bench/mask\n"
                       "cp photo.png bench/image/p.png; cp mask.png bench/alpha/p.png; cp mask.png bench/mask/p.png\n"
                       "mgm eval --protocol folders --data bench -o bench --model w.safetensors -q\n"
                       "status=$?; cmp mask.png bench/mask/p.png || exit 9; exit $status",
                       1, "bench/mask/p.png: would be overwritten"));
    free(expect_script("mkdir -p out/ours; cp mask.png out/ours/p.png\n"
                       "mgm eval --protocol folders --data bench --mattes ours=out/ours -o out --model w.safetensors -q\n"
                       "status=$?; cmp mask.png out/ours/p.png || exit 9; exit $status",
                       1, "out/ours/p.png: would be overwritten"));
}

static void a_benchmark_goes_on_with_its_own_data_only(void **state)
{
    (void)state;
    free(expect_script(
        "mkdir -p one/image one/alpha; cp photo.png one/image/p.png; cp mask.png one/alpha/p.png; cp -r one two\n"
        "mgm eval --protocol folders --data one --guidance dilated10 -o out --model w.safetensors -q || exit 9\n"
        "mgm eval --protocol folders --data ./one --guidance dilated10 -o out --model w.safetensors -q --resume || exit 8\n"
        "mgm eval --protocol folders --data two --guidance dilated10 -o out --model w.safetensors -q --resume",
        1, "results of something else"));
}

static void guidance_keeps_trimaps_and_finds_collisions(void **state)
{
    (void)state;
    free(expect_script("mkdir true tri; cp mask.png true/x.png; cp mask.png tri/x.png\n"
                       "mgm guidance true/x.png -o tri --kind trimap --trimap tri\n"
                       "status=$?; cmp mask.png tri/x.png || exit 9; exit $status",
                       1, "tri/x.png: would be overwritten"));
    free(expect_script("mgm guidance true/x.png tri/x.png -o new --kind eroded1\n"
                       "status=$?; test ! -e new || exit 9; exit $status",
                       1, "true/x.png and tri/x.png would both become x.png"));
}

static void a_background_stays(void **state)
{
    (void)state;
    static const char *const commands[] = {"matte photo.png mask.png --model w.safetensors",
                                           "foreground photo.png mask.png"};
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char script[512];
        snprintf(script, sizeof script,
                 "cp photo.png back.png; mgm %s -o back.png --background back.png\n"
                 "status=$?; cmp photo.png back.png || exit 9; exit $status",
                 commands[i]);
        free(expect_script(script, 1, "back.png: would be overwritten"));
    }
    free(expect_script("mgm matte photo.png mask.png -o over.png --background white --model w.safetensors -q", 0, ""));
}

static void what_is_no_ordinary_file_stays(void **state)
{
    (void)state;
    free(expect_script("mkfifo pipe; mgm convert w.safetensors pipe; status=$?; test -p pipe || exit 9; exit $status", 1,
                       "pipe: is no ordinary file"));
    free(expect_script("ln -s pipe link; mgm convert w.safetensors link; status=$?; test -p link || exit 9; exit $status", 1,
                       "link: is no ordinary file"));
}

#define IN_WORKSHOP(test) cmocka_unit_test_setup_teardown(test, set_up, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORKSHOP(a_benchmark_keeps_its_data),
        IN_WORKSHOP(a_benchmark_goes_on_with_its_own_data_only),
        IN_WORKSHOP(guidance_keeps_trimaps_and_finds_collisions),
        IN_WORKSHOP(a_background_stays),
        IN_WORKSHOP(what_is_no_ordinary_file_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
