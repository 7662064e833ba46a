/** tools/scoreboard: a row for each candidate, of the same pictures every time. tools/portraits: a picture of each portrait.
 */
#include "shell.h"
#include "workshop.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { STRANDS = 300, VERTICES = 4, KINDS = 10 };

/** A grooming all around a head. */
static void make_strands(const char *name)
{
    const float version = 4;
    const uint32_t head[40] = {[1] = STRANDS, [2] = VERTICES, [3] = 160};
    FILE *file = fopen(in_workshop(name), "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(&version, sizeof version, 1, file), 1);
    assert_int_equal(fwrite(head + 1, sizeof *head, 39, file), 39);
    for (int i = 0; i < STRANDS * VERTICES; i++) {
        const float turn = (float)(i / VERTICES) * 2.4f, up = 0.9f - 1.4f * (float)(i / VERTICES) / STRANDS;
        const float radius = 1 + 0.1f * (float)(i % VERTICES), flat = radius * sqrtf(1 - up * up);
        const float position[4] = {flat * cosf(turn), radius * up, flat * sinf(turn), 1};
        assert_int_equal(fwrite(position, sizeof position, 1, file), 1);
    }
    fclose(file);
}

static int open_with_data(void **state)
{
    static const char *const folders[] = {"data",
                                          "data/photos",
                                          "data/strands",
                                          "data/cards",
                                          "data/particles",
                                          "data/objects",
                                          "data/alphamatting-dev",
                                          "data/alphamatting-dev/input",
                                          "data/alphamatting-dev/alpha",
                                          "data/alphamatting-dev/trimap",
                                          "portraits"};
    if (workshop_open(state) != 0)
        return -1;
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++)
        mkdir(in_workshop(folders[i]), 0777);
    for (int i = 0; i < 3; i++) {
        char name[64];
        snprintf(name, sizeof name, "data/photos/%d.png", i);
        make_picture(name, MOTIF_COLOURS, 300 + i, 200, 3, 8, 0);
        snprintf(name, sizeof name, "data/alphamatting-dev/input/%d.png", i);
        make_picture(name, MOTIF_COLOURS, 60 + i, 50, 3, 8, 0);
        snprintf(name, sizeof name, "data/alphamatting-dev/alpha/%d.png", i);
        make_picture(name, MOTIF_DISC, 60 + i, 50, 1, 8, 0);
        snprintf(name, sizeof name, "data/alphamatting-dev/trimap/%d.png", i);
        make_picture(name, MOTIF_TRIMAP, 60 + i, 50, 1, 8, 0);
    }
    make_picture("data/cards/a_diffuse.png", MOTIF_SOFT, 128, 128, 4, 8, 0);
    make_picture("data/particles/a.png", MOTIF_SOFT, 64, 64, 4, 8, 0);
    make_picture("data/objects/a.png", MOTIF_DISC, 128, 128, 4, 8, 0);
    make_strands("data/strands/a.tfx");
    make_weights("model.safetensors", 0.125, true);
    return 0;
}

#define SCORE                                                                                                               \
    "export MGM=\"$(command -v mgm)\" SCOREBOARD=\"$PWD/table.md\" DRAWN_COUNT=1 DRAWN_SIZE=64\n"                           \
    "\"$TOOLS/scoreboard\" ./model.safetensors data set "

/** A candidate's cells, from its line of the table on. */
static int read_cells(char *line, char *cells[64])
{
    int count = 0;
    for (char *cell = strtok(line, "|\n"); cell && count < 64; cell = strtok(NULL, "|\n"))
        cells[count++] = cell + strspn(cell, " ");
    return count;
}

/* A line of several, cut off from what follows it. */
static char *alone(char *line)
{
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static void test_rows(void **state)
{
    (void)state;
    enum { LINES = 64, SCORES = 9 + KINDS, COLUMNS = 1 + SCORES + 6, COST = 1 + SCORES };
    char *lines[LINES], *itself[64], *first[64], *second[64];
    int count = 0;
    free(expect_script(SCORE "\n", 0, "`tools/scoreboard ./model.safetensors DATA SET`"));
    free(expect_script(SCORE "--method piece\n", 0, "SET --method piece`"));
    char *table = expect_script("cat table.md\n", 0, "# Scoreboard");
    for (char *line = table; line && count < LINES; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
        lines[count++] = line;
    assert_true(count > 5 && lines[count - 1][0] == '\0');
    assert_int_equal(read_cells(alone(lines[count - 3]), first), COLUMNS);
    assert_int_equal(read_cells(alone(lines[count - 2]), second), COLUMNS);
    assert_int_equal(read_cells(alone(lines[count - 4]), itself), COLUMNS);
    assert_non_null(strstr(itself[0], "the guidance itself"));
    assert_non_null(strstr(first[0], "`test`"));
    for (int i = 1; i <= SCORES; i++) {
        assert_true(strtod(itself[i], NULL) > 0 && strtod(first[i], NULL) > 0);
        assert_string_equal(first[i], second[i]); /* so small a picture is in one piece anyway: the same scores again */
    }
    assert_true(strtod(first[6], NULL) >= 1 && strtod(first[8], NULL) >= strtod(first[7], NULL));
    assert_true(strtod(first[COST], NULL) > 0 && strtod(first[COST + 1], NULL) > 1);
    assert_true(strtod(first[COST + 3], NULL) > 4 * strtod(first[COST + 2], NULL)); /* bytes, parameters */
    assert_string_equal(first[COST + 4], second[COST + 4]);
    free(table);
}

static void test_changed_pictures_are_refused(void **state)
{
    (void)state;
    free(expect_script(SCORE "\n", 0, "drawn "));
    free(expect_script("echo more >> set/mask/0003.png\n" SCORE "\n", 1, "set is not as it was drawn"));
    free(expect_script("mkdir other && \"$TOOLS/scoreboard\" x data other\n", 1, "other is no set of drawn composites"));
    free(expect_script("\"$TOOLS/scoreboard\" x photos set\n", 1, "photos holds no alphamatting-dev"));
    free(expect_script("\"$TOOLS/scoreboard\" x\n", 2, "tools/scoreboard MODEL DATA SET"));
    free(expect_script("grep -c 'model.safetensors DATA' table.md\n", 0, "1\n"));
}

static void test_portraits(void **state)
{
    (void)state;
    make_picture("portraits/a.jpg", MOTIF_COLOURS, 600, 400, 3, 8, 0);
    make_picture("portraits/a_mask.png", MOTIF_DISC, 150, 100, 1, 8, 0);
    make_picture("portraits/b.jpg", MOTIF_COLOURS, 200, 260, 3, 8, 0); /* smaller than what is shown of it */
    make_picture("portraits/b_mask.png", MOTIF_DISC, 200, 260, 1, 8, 0);
    free(expect_script("MGM=\"$(command -v mgm)\" \"$TOOLS/portraits\" ./model.safetensors portraits out\n", 0, ""));
    assert_int_equal(count_files_in("out"), 2);
    struct pixels sheet = read_pixels("out/a.jpg");
    assert_true(sheet.width == 900 && sheet.height == 197 + 6 + 300); /* 600 × 400 at a width of 296 */
    free(sheet.values);
    free(expect_script("\"$TOOLS/portraits\" x data/photos out\n", 1, "holds no NAME_mask.png"));
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, open_with_data, workshop_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_rows),
        TEST(test_changed_pictures_are_refused),
        TEST(test_portraits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
