/* What a run leaves for those who watch it: event files, read by another reader of records, and logs, read back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "near.h"

#include "train/events.h"
#include "train/history.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct mgm_context *ctx;
static char folder[64];

static int open_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/mgm-watch-XXXXXX");
    return mgm_context_create(&ctx) == MGM_OK && mkdtemp(folder) ? 0 : -1;
}

static int close_folder(void **state)
{
    (void)state;
    mgm_context_destroy(&ctx);
    return rmdir(folder);
}

/* ---- event files -------------------------------------------------------------------------------------------------------
 */

static unsigned char bytes[4096];
static size_t size;

static void read_events(void)
{
    char path[512] = "";
    DIR *directory = opendir(folder);
    assert_non_null(directory);
    for (const struct dirent *entry; (entry = readdir(directory));)
        if (strstr(entry->d_name, "tfevents"))
            snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    closedir(directory);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    unlink(path);
}

static uint64_t read_le(size_t at, int count)
{
    uint64_t value = 0;
    assert_true(at + (size_t)count <= size);
    for (int i = 0; i < count; i++)
        value |= (uint64_t)bytes[at + (size_t)i] << (8 * i);
    return value;
}

static uint32_t unmasked(uint32_t masked)
{
    const uint32_t rotated = masked - 0xa282ead8u;
    return (rotated >> 17) | (rotated << 15);
}

/** The next record's message; checks both sums. @return its place, and moves on */
static size_t next_record(size_t *at, size_t *length)
{
    *length = (size_t)read_le(*at, 8);
    assert_int_equal(unmasked((uint32_t)read_le(*at + 8, 4)), mgm_crc32c(bytes + *at, 8));
    const size_t message = *at + 12;
    assert_int_equal(unmasked((uint32_t)read_le(message + *length, 4)), mgm_crc32c(bytes + message, *length));
    *at = message + *length + 4;
    return message;
}

static uint64_t read_varint(size_t *at)
{
    uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(*at < size && shift < 64);
        value |= (uint64_t)(bytes[*at] & 127) << shift;
        if (bytes[(*at)++] < 128)
            return value;
    }
}

/** Looks for a field within a message. @return its place, or of its bytes, whose number goes to length; 0: none */
static size_t find_field(size_t at, size_t length, unsigned field, size_t *inner)
{
    const size_t end = at + length;
    while (at < end) {
        const uint64_t key = read_varint(&at);
        const size_t place = at;
        *inner = key % 8 == 0 ? 0 : key % 8 == 1 ? 8 : key % 8 == 5 ? 4 : 0;
        if (key % 8 == 2)
            *inner = (size_t)read_varint(&at);
        if (key >> 3 == field)
            return key % 8 == 2 ? at : place;
        if (key % 8 == 0)
            read_varint(&at);
        at += *inner;
    }
    assert_int_equal(at, end);
    return 0;
}

static void test_events(void **state)
{
    (void)state;
    struct mgm_events events;
    assert_int_equal(mgm_events_open(ctx, folder, 1000000, &events), MGM_OK);
    mgm_events_add_scalar(&events, "progress/loss", 0.75);
    mgm_events_add_scalar(&events, "progress/os8", -3);
    mgm_events_write(&events, 300);
    mgm_events_add_picture(&events, "validation/samples", 200, 100, "JPEG!", 5);
    mgm_events_write(&events, 301);
    mgm_events_write(&events, 302); /* nothing to say */
    mgm_events_close(&events);
    read_events();

    size_t at = 0, length, inner, deeper, message = next_record(&at, &length);
    size_t place = find_field(message, length, 3, &inner);
    assert_true(inner == 13 && !memcmp(bytes + place, "brain.Event:2", 13));
    message = next_record(&at, &length); /* the session begins at a step */
    place = find_field(message, length, 2, &inner);
    assert_int_equal(read_varint(&place), 1000000);
    place = find_field(message, length, 7, &inner);
    assert_true(inner == 2 && bytes[place] == 8 && bytes[place + 1] == 1);

    message = next_record(&at, &length);
    double wall;
    memcpy(&wall, bytes + find_field(message, length, 1, &inner), 8);
    assert_true(wall > 1.5e9);
    place = find_field(message, length, 2, &inner);
    assert_int_equal(read_varint(&place), 300);
    const size_t summary = find_field(message, length, 5, &inner);
    size_t value = find_field(summary, inner, 1, &deeper), tag;
    assert_true((tag = find_field(value, deeper, 1, &length)) && length == 13 && !memcmp(bytes + tag, "progress/loss", 13));
    float number;
    memcpy(&number, bytes + find_field(value, deeper, 2, &length), 4);
    assert_true(number == 0.75f);
    const size_t second = value + deeper;
    value = find_field(second, inner - (second - summary), 1, &deeper);
    memcpy(&number, bytes + find_field(value, deeper, 2, &length), 4);
    assert_true(number == -3.0f);

    message = next_record(&at, &length);
    value = find_field(find_field(message, length, 5, &inner), inner, 1, &deeper);
    const size_t picture = find_field(value, deeper, 4, &inner);
    place = find_field(picture, inner, 1, &length);
    assert_int_equal(read_varint(&place), 100);
    place = find_field(picture, inner, 2, &length);
    assert_int_equal(read_varint(&place), 200);
    place = find_field(picture, inner, 4, &length);
    assert_true(length == 5 && !memcmp(bytes + place, "JPEG!", 5));
    assert_int_equal(at, size);
}

/** The value that everyone gives for this polynomial. */
static void test_checksum(void **state)
{
    (void)state;
    assert_int_equal(mgm_crc32c("123456789", 9), 0xe3069283u);
    assert_int_equal(mgm_crc32c("", 0), 0);
}

/* ---- logs --------------------------------------------------------------------------------------------------------------
 */

/** A run that was killed at 30 and went on from 20: what it had at 30 was lost; a torn line is passed over. */
static void test_history(void **state)
{
    (void)state;
    static const char log[] = "{\"event\":\"progress\",\"iteration\":10,\"loss\":3}\n"
                              "{\"event\":\"progress\",\"iteration\":20,\"loss\":2,\"extra\":7}\n"
                              "{\"event\":\"validation\",\"iteration\":20,\"sad\":1.5}\n"
                              "{\"event\":\"progress\",\"iteration\":30,\"loss\":9}\n"
                              "{\"event\":\"prog\n"
                              "{\"event\":\"progress\",\"iteration\":25,\"loss\":1}\n"
                              "{\"event\":\"other\",\"iteration\":26}\n";
    struct mgm_history history;
    assert_int_equal(mgm_history_parse(ctx, "log", log, strlen(log), &history), MGM_OK);
    const struct mgm_history_table *progress = &history.progress;
    assert_int_equal(progress->rows, 3);
    assert_int_equal(history.unread, 2);
    const double *iteration = mgm_history_column(progress, "iteration"), *loss = mgm_history_column(progress, "loss"),
                 *extra = mgm_history_column(progress, "extra");
    assert_true(iteration[2] == 25 && loss[0] == 3 && loss[1] == 2 && loss[2] == 1);
    assert_true(isnan(extra[0]) && extra[1] == 7 && isnan(extra[2]));
    assert_null(mgm_history_column(progress, "sad"));
    assert_near(mgm_history_column(&history.validation, "sad")[0], 1.5, 0);
    mgm_history_release(&history);
    assert_int_equal(mgm_history_parse(ctx, "log", "{}\n", 3, &history), MGM_E_FORMAT);
    assert_int_equal(mgm_history_parse(ctx, "log", "", 0, &history), MGM_E_FORMAT);
}

static void test_history_of_many_lines(void **state)
{
    (void)state;
    char *text = malloc(1000 * 64), *next = text;
    assert_non_null(text);
    for (int i = 0; i < 1000; i++)
        next += sprintf(next, "{\"event\":\"progress\",\"iteration\":%d,\"c%d\":%d}\n", i, i % 60, i);
    struct mgm_history history;
    assert_int_equal(mgm_history_parse(ctx, "log", text, (size_t)(next - text), &history), MGM_OK);
    assert_int_equal(history.progress.rows, 1000);
    assert_int_equal(history.progress.columns, MGM_HISTORY_COLUMNS);
    assert_true(mgm_history_column(&history.progress, "c7")[967] == 967);
    mgm_history_release(&history);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_checksum),
        cmocka_unit_test(test_history),
        cmocka_unit_test(test_history_of_many_lines),
    };
    return cmocka_run_group_tests(tests, open_folder, close_folder);
}
