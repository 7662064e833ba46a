/** Picture files for tests, read without any of the code under test. */
#ifndef MGM_TESTS_PICTURE_H
#define MGM_TESTS_PICTURE_H

#include <stdint.h>

struct test_picture {
    int width, height, channels;
    uint8_t *values; /* [height, width, channels]; release with free */
};

/** Reads FOLDER/NAME of 8 bit; fails the running test if it cannot be read or has another number of channels. */
struct test_picture read_test_picture(const char *folder, const char *name, int channels);

#endif
