/** tools/train-default.sh: packs data reproducibly, trains from the archive alone, goes on, and leaves shards. */
#include "shell.h"
#include "workshop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int open_with_data(void **state)
{
    static const char *const folders[] = {"data", "data/photos", "data/cards", "data/benchmark"};
    if (workshop_open(state) != 0)
        return -1;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        mkdir(in_workshop(folders[i]), 0777);
    make_picture("data/photos/a.png", MOTIF_COLOURS, 160, 120, 3, 8, 0);
    make_picture("data/photos/b.jpg", MOTIF_COLOURS, 120, 160, 3, 8, 0);
    make_picture("data/cards/c.png", MOTIF_SOFT, 2100, 64, 4, 8, 0);
    make_picture("data/benchmark/secret.png", MOTIF_COLOURS, 64, 64, 3, 8, 0);
    write_text("data/cards/LICENSE", "CC0\n");
    write_text("tiny.cfg", "name = \"tiny\"; iterations = 3;\n"
                           "model : { width = 0.125; precision = \"f32\"; };\n"
                           "crops = ( { until = 1.0; size = 64; batch = 1; } );\n"
                           "foregrounds : { count = 4; size = 96; };\n"
                           "workers = 1; ahead = 1;\n"
                           "validation : { interval = 0; count = 1; size = 64; };\n");
    return 0;
}

static void test_packing(void **state)
{
    (void)state;
    free(expect_script(
        "\"$TRAIN_DEFAULT\" --pack data one.tar.gz && \"$TRAIN_DEFAULT\" --pack data two.tar.gz && cmp one.tar.gz "
        "two.tar.gz && tar -tzf one.tar.gz\n",
        0, "data/cards/LICENSE"));
    free(expect_script("tar -tzf one.tar.gz | grep secret\n", 1, ""));
    free(expect_script("mkdir there && tar -C there -xzf one.tar.gz && cat there/data/CONTENTS\n", 0, "# photos: 2 files"));
    struct pixels card = read_pixels("there/data/cards/c.png");
    assert_true(card.width == 700 && card.channels == 4); /* as large as it is kept in memory */
    free(card.values);
    free(expect_script("mv data/photos/b.jpg data/photos/a.jpeg && \"$TRAIN_DEFAULT\" --pack data three.tar.gz\n", 1,
                       "would be called a.jpg, which another is called already"));
}

static void test_training(void **state)
{
    (void)state;
    free(expect_script("\"$TRAIN_DEFAULT\" --pack data packed.tar.gz && rm -r data\n"
                       "\"$TRAIN_DEFAULT\" packed.tar.gz run --device cpu --minutes 1 --config tiny.cfg -- --threads 1\n",
                       0, "iteration 3 of 3; 1 shards: run/shards/tiny.safetensors.index.json"));
    free(expect_script("mgm info run/shards/tiny.safetensors.index.json\n", 0, "0.125"));
    free(
        expect_script("\"$TRAIN_DEFAULT\" packed.tar.gz run --device cpu --minutes 1 --config tiny.cfg -- --threads 1 --set "
                      "iterations=5\n",
                      0, "iteration 3 of 3")); /* complete as it was; nothing is trained */
    free(
        expect_script("rm run/weights.safetensors && \"$TRAIN_DEFAULT\" packed.tar.gz run --device cpu --minutes 1 --config "
                      "tiny.cfg -- --threads 1 --set iterations=5\n",
                      0, "going on from iteration 3"));
    free(expect_script("\"$TRAIN_DEFAULT\" packed.tar.gz other --device cpu --config tiny.cfg -- --set crops=none\n", 1,
                       "training failed"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_with_data, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_packing),
        TEST(test_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
