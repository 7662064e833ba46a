/**
 * Runs a fuzz target over the files of a folder without a fuzzer: each as it is, cut short, and with single bytes changed.
 * What a fuzzer found stays found, and new corpora are worth something on every machine. Of a large file, the places where
 * it is cut and changed are spread evenly.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

enum { MAX_PLACES = 400, MAX_FILE = 1 << 20 };

/* A block of exactly that size, so that a sanitizer sees any access beyond it. */
static void run(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    memcpy(copy, bytes, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static void run_damaged(uint8_t *bytes, size_t size)
{
    static const uint8_t replacements[] = {0x00, '{', 0xff, '"', 0x01, '9', 0x7f, ';', 0x80, '='};
    const size_t step = size / MAX_PLACES + 1;
    for (size_t at = 0; at < size; at += step) {
        const uint8_t kept = bytes[at];
        run(bytes, at);
        bytes[at] = replacements[at / step % sizeof replacements];
        run(bytes, size);
        bytes[at] = kept;
    }
}

static int replay(const char *path)
{
    static uint8_t bytes[MAX_FILE];
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: cannot be opened\n", path);
        return -1;
    }
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    run(bytes, size);
    run_damaged(bytes, size);
    return 0;
}

int main(int count, char **arguments)
{
    DIR *folder = count == 2 ? opendir(arguments[1]) : NULL;
    if (!folder) {
        fprintf(stderr, "usage: replay FOLDER (of inputs)\n");
        return 2;
    }
    int files = 0, failures = 0;
    for (struct dirent *entry; (entry = readdir(folder));) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "%s/%s", arguments[1], entry->d_name);
        failures += replay(path) != 0;
        files++;
    }
    closedir(folder);
    printf("%d inputs\n", files);
    return files == 0 || failures ? 1 : 0;
}
