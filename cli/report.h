/** What commands tell of a run: time, memory, one JSON object on stdout. */
#ifndef MGM_CLI_REPORT_H
#define MGM_CLI_REPORT_H

#include <cjson/cJSON.h>

/** The most memory this process has held, in units of 1,000,000 bytes. */
double report_peak_mb(void);

/** Adds a number rounded to so many decimals. */
void report_add_number(cJSON *object, const char *name, double value, int decimals);

/** Adds a text that may come from outside: what is not UTF-8 in it is replaced, as JSON has no way to say it. */
void report_add_text(cJSON *object, const char *name, const char *text);

/** Makes sure that what was printed has reached stdout; says so if it has not. @return an exit status */
int report_finish(void);

/** Prints the object to stdout and releases it. @return an exit status */
int report_print(cJSON *object);

/** The same, as one line. */
int report_print_line(cJSON *object);

/** Prints a field of comma-separated values: in quotes where a reader would else take it for several (RFC 4180). */
void report_csv_text(const char *text);

#endif
