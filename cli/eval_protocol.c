#include "eval_protocol.h"

#include "eval_page.h"
#include "eval_rows.h"
#include "report.h"

#include <stdio.h>

/* The compiler cannot take them from the table; tests see that they are the same. */
const char *const eval_protocol_names[] = {"composition-1k", "distinction-646", "portrait", "portrait-720",
                                           "alphamatting",   "folders",         NULL};

enum { COMPLAINTS_MOST = 20 };

static int complaints;

static void complain(const char *sentence)
{
    char shown[4096];
    snprintf(shown, sizeof shown, "%s", sentence);
    if (complaints++ < COMPLAINTS_MOST)
        fprintf(stderr, "mgm eval: %s\n", command_printable(shown));
    else if (complaints == COMPLAINTS_MOST + 1)
        fputs("mgm eval: …\n", stderr);
}

static void end_list(const struct text_list *list, const char *texts[TEXT_LIST_MAX + 1])
{
    for (int i = 0; i < list->count; i++)
        texts[i] = list->texts[i];
    texts[list->count] = NULL;
}

static int check(const struct command *command, struct mgm_context *ctx, const struct eval_protocol_values *values,
                 const struct mgm_protocol *protocol)
{
    struct eval_cases cases = {0};
    enum mgm_status status = eval_cases_find(ctx, protocol, values->data, values->backgrounds, &cases);
    const int missing = cases.complaint_count;
    for (int i = 0; i < missing; i++)
        complain(cases.complaints[i]);
    if (status == MGM_OK)
        printf("%s: %d pictures are complete, %d are not; trimaps: %s, masks: %s, maps of details: %s\n", values->data,
               cases.count, missing, cases.trimaps ? "yes" : "no", cases.masks ? "yes" : "no", cases.details ? "yes" : "no");
    eval_cases_release(&cases);
    if (status != MGM_OK)
        return command_failed(command, "%s", mgm_context_error(ctx));
    const int outcome = report_finish();
    return missing ? STATUS_FAILED : outcome;
}

static int show(const struct command *command, struct mgm_context *ctx, const struct eval_protocol_values *values,
                const struct eval_run *run, bool json, bool csv)
{
    int outcome = STATUS_OK;
    if (values->report && eval_page_write(ctx, run, values->report) != MGM_OK)
        outcome = command_failed(command, "%s", mgm_context_error(ctx)); /* the tables can be had all the same */
    const int written = outcome;
    if (json) {
        outcome = report_print(eval_rows_describe(run));
    } else {
        if (csv)
            eval_rows_print_pictures(run);
        else
            eval_rows_print(run);
        outcome = report_finish();
    }
    if (run->failed)
        return command_failed(command, "%d pictures are missing or failed, and part of no mean", run->failed);
    return written == STATUS_OK ? outcome : written;
}

int eval_protocol_run(const struct command *command, const struct eval_protocol_values *values, bool json, bool csv)
{
    const struct mgm_protocol *protocol = mgm_protocol_named(values->protocol);
    const char *chosen[TEXT_LIST_MAX + 1], *mattes[TEXT_LIST_MAX + 1];
    struct mgm_context *ctx = NULL;
    struct eval_run run = {0};
    if (!values->data)
        return command_misused(command, "--protocol needs --data DIR, the data set's folder");
    if (!values->output && !values->check)
        return command_misused(command, "--protocol needs --output DIR, for mattes and results");
    end_list(&values->guidance, chosen);
    end_list(&values->mattes, mattes);
    const struct eval_options options = {.output = values->output,
                                         .model = values->model,
                                         .device = values->device,
                                         .precision = values->precision,
                                         .method = values->method,
                                         .chosen = chosen,
                                         .mattes = mattes,
                                         .resume = values->resume,
                                         .reference = values->reference,
                                         .largest_component = values->largest_component,
                                         .quiet = values->quiet,
                                         .jobs = values->jobs,
                                         .threads = values->threads,
                                         .limit = values->limit};
    int outcome;
    if (mgm_context_create(&ctx) != MGM_OK)
        outcome = command_failed(command, "not enough memory");
    else if (values->check)
        outcome = check(command, ctx, values, protocol);
    else if (eval_run(ctx, protocol, values->data, values->backgrounds, &options, complain, &run) != MGM_OK)
        outcome = command_failed(command, "%s", mgm_context_error(ctx));
    else
        outcome = show(command, ctx, values, &run, json, csv);
    eval_run_release(&run);
    mgm_context_destroy(&ctx);
    return outcome;
}
