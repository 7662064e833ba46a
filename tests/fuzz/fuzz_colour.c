/* Any text: no colour, and the values are left alone, or one whose values are steps of 8 bit, which written as #rrggbb is
 * itself. */
#include "colour_text.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    static const float untouched[3] = {-1, -2, -3};
    float rgb[3], again[3];
    char written[16],
        *text = malloc(size + 1); /* a block of its own length, so that a sanitizer sees any access beyond it */
    if (!text)
        return 0;
    memcpy(text, bytes, size);
    text[size] = '\0';
    memcpy(rgb, untouched, sizeof rgb);
    if (colour_parse(text, rgb)) {
        int steps[3];
        for (int c = 0; c < 3; c++) {
            steps[c] = (int)(rgb[c] * 255 + 0.5f);
            require(rgb[c] >= 0 && rgb[c] <= 1 && rgb[c] == (float)steps[c] / 255);
        }
        snprintf(written, sizeof written, "#%02X%02x%02X", steps[0], steps[1], steps[2]);
        require(colour_parse(written, again) && memcmp(rgb, again, sizeof rgb) == 0);
        require(strlen(text) <= 7);
    } else {
        require(memcmp(rgb, untouched, sizeof rgb) == 0);
    }
    free(text);
    return 0;
}
