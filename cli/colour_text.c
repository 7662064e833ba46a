#include "colour_text.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    unsigned rgb;
} names[] = {{"black", 0x000000}, {"white", 0xffffff}, {"grey", 0x808080},   {"gray", 0x808080}, {"red", 0xff0000},
             {"green", 0x00ff00}, {"blue", 0x0000ff},  {"yellow", 0xffff00}, {"cyan", 0x00ffff}, {"magenta", 0xff00ff}};

static bool parse_digits(const char *text, unsigned *rgb)
{
    const size_t digits = strlen(text);
    if ((digits != 3 && digits != 6) || strspn(text, "0123456789abcdefABCDEF") != digits)
        return false;
    (void)sscanf(text, "%x", rgb); /* hexadecimal digits and nothing else */
    if (digits == 3)               /* each digit stands for two */
        *rgb = (*rgb >> 8 & 15) * 0x110000 + (*rgb >> 4 & 15) * 0x1100 + (*rgb & 15) * 0x11;
    return true;
}

bool colour_parse(const char *text, float rgb[3])
{
    unsigned value = 0;
    bool found = text[0] == '#' && parse_digits(text + 1, &value);
    for (size_t i = 0; i < sizeof names / sizeof *names && !found; i++)
        if (strcmp(text, names[i].name) == 0) {
            value = names[i].rgb;
            found = true;
        }
    for (int c = 0; c < 3 && found; c++)
        rgb[c] = (float)(value >> (16 - 8 * c) & 255) / 255;
    return found;
}
