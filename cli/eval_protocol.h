/** mgm eval --protocol: a benchmark from its folder to its tables. */
#ifndef MGM_CLI_EVAL_PROTOCOL_H
#define MGM_CLI_EVAL_PROTOCOL_H

#include "command.h"

struct eval_protocol_values {
    const char *protocol, *data, *backgrounds, *output, *report, *model, *device, *precision, *method;
    struct text_list guidance, mattes;
    bool resume, reference, largest_component, check, quiet;
    int jobs, threads, limit;
};

/** Names of all protocols; ends with NULL. */
extern const char *const eval_protocol_names[];

/** @param json, csv  tables as JSON; or each picture as a line @return an exit status */
int eval_protocol_run(const struct command *command, const struct eval_protocol_values *values, bool json, bool csv);

#endif
