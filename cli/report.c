#include "report.h"

#include "command.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

double report_clock(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

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

int report_print(cJSON *object)
{
    char *text = cJSON_Print(object);
    bool printed = text && puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    cJSON_Delete(object);
    return printed ? STATUS_OK : STATUS_FAILED;
}
