#include "report.h"

#include "command.h"

#include <errno.h>
#include <glib.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

double report_peak_mb(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss * 1024 / 1e6 : 0;
}

void report_add_number(cJSON *object, const char *name, double value, int decimals)
{
    const double scale = pow(10, decimals);
    cJSON_AddNumberToObject(object, name, round(value * scale) / scale);
}

void report_add_text(cJSON *object, const char *name, const char *text)
{
    char *valid = g_utf8_make_valid(text, -1);
    cJSON_AddStringToObject(object, name, valid);
    g_free(valid);
}

int report_finish(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return STATUS_OK;
    fprintf(stderr, "mgm: the report could not be written to standard output: %s\n", strerror(errno));
    return STATUS_FAILED;
}

static int print(cJSON *object, char *text)
{
    if (text)
        puts(text);
    else
        fputs("mgm: not enough memory for the report\n", stderr);
    bool printed = text != NULL;
    free(text);
    cJSON_Delete(object);
    return printed ? report_finish() : STATUS_FAILED;
}

int report_print(cJSON *object)
{
    return print(object, cJSON_Print(object));
}

int report_print_line(cJSON *object)
{
    return print(object, cJSON_PrintUnformatted(object));
}

void report_csv_text(const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, stdout);
        return;
    }
    putchar('"');
    for (; *text; text++) {
        if (*text == '"')
            putchar('"');
        putchar(*text);
    }
    putchar('"');
}
