/** Colours as they are given on a command line. */
#ifndef MGM_CLI_COLOUR_TEXT_H
#define MGM_CLI_COLOUR_TEXT_H

#include <stdbool.h>

/** What colour_parse() takes, for messages and the manual. */
#define COLOUR_FORMS "#rrggbb, #rgb, white, black, grey, red, green, blue, yellow, cyan, magenta"

/**
 * @param rgb  receives red, green and blue in [0, 1], as encoded
 * @return false if the text is no colour; rgb is then as before
 */
bool colour_parse(const char *text, float rgb[3]);

#endif
