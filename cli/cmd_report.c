/** mgm report: a training run as one page. */
#include "command.h"
#include "folder.h"
#include "run_page.h"

#include "base/memory.h"

#include <stdio.h>

struct values {
    const char *output;
};

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "OUT.html",
     "the file to write; report.html in the run folder if not given"},
    {0},
};

static const struct command_example examples[] = {
    {"See how a training run goes, or went:", "mgm report run -o run.html"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_report = {
    .name = "report",
    .summary = "shows a training run as a page",
    .synopsis = "RUN [-o OUT.html]",
    .details = "Makes one HTML file of what a run has left in its folder so far, log.jsonl and samples: curves of losses,\n"
               "learning rate, gradient and held-out scores, and how the mattes of some held-out samples changed.\n"
               "The file needs no others, and no scripts.",
    .options = options,
    .examples = examples,
    .min_operands = 1,
    .max_operands = 1,
    .takes = TAKES_FOLDER,
    .run = run,
};

static int run(int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct mgm_context *ctx = NULL;
    int outcome = command_parse(&cmd_report, argc, argv, &values, &operands);
    if (outcome != COMMAND_GO_ON)
        return outcome;
    const char *folder = operands.values[0];
    char *path = folder_path_of(folder, "report.html", "");
    enum mgm_status status = path ? mgm_context_create(&ctx) : MGM_E_NOMEM;
    if (status == MGM_OK)
        status = run_page_write(ctx, folder, values.output ? values.output : path);
    outcome =
        status == MGM_OK ? STATUS_OK : command_failed(&cmd_report, "%s", ctx ? mgm_context_error(ctx) : "not enough memory");
    mgm_free(path);
    mgm_context_destroy(&ctx);
    return outcome;
}
