/** mgm eval: scores mattes against the truth. */
#include "colour_eval.h"
#include "command.h"
#include "report.h"
#include "scoring.h"

#include <stdio.h>
#include <string.h>

struct values {
    const char *pred, *alpha, *trimap, *detail, *foreground;
    bool json, csv;
};

static const struct command_option options[] = {
    {"pred", 0, OPTION_TEXT, offsetof(struct values, pred), "DIR", "the mattes to be scored", .required = true,
     .takes = TAKES_FOLDER},
    {"alpha", 0, OPTION_TEXT, offsetof(struct values, alpha), "DIR", "the true mattes", .required = true,
     .takes = TAKES_FOLDER},
    {"trimap", 0, OPTION_TEXT, offsetof(struct values, trimap), "DIR", "score only where these are 128",
     .takes = TAKES_FOLDER},
    {"detail", 0, OPTION_TEXT, offsetof(struct values, detail), "DIR", "score only where these are not 0",
     .takes = TAKES_FOLDER},
    {"foreground", 0, OPTION_TEXT, offsetof(struct values, foreground), "DIR",
     "score the colours of cutouts (--pred, RGBA) against these true ones", .takes = TAKES_FOLDER},
    {"json", 0, OPTION_FLAG, offsetof(struct values, json), NULL, "one JSON object on stdout"},
    {"csv", 0, OPTION_FLAG, offsetof(struct values, csv), NULL, "comma-separated, with a heading"},
    {0},
};

static const struct command_example examples[] = {
    {"Score a folder of mattes:", "mgm eval --pred mattes --alpha truth"},
    {"Score only where trimaps are grey, as a table for other programs:",
     "mgm eval --pred mattes --alpha truth --trimap trimaps --csv > scores.csv"},
    {"Score the colours of cutouts:", "mgm eval --pred done --alpha truth --foreground colours"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_eval = {
    .name = "eval",
    .summary = "scores mattes against the truth",
    .synopsis = "--pred DIR --alpha DIR [--trimap DIR | --detail DIR | --foreground DIR] [--json | --csv]",
    .details =
        "Pictures belong together that have the same name, whatever their extension. A line for each (name,\n"
        "SAD in thousands, MSE, Grad and Conn in thousands), the mean last. With --trimap the region is where\n"
        "the trimap is exactly 128, with --detail where the map is not 0, else the whole picture. Whatever is\n"
        "missing or of another size is named and left out of the mean, and the exit status tells that the\n"
        "table is incomplete.\n"
        "\n"
        "With --foreground the columns are SAD (thousands) and MSE of F where the true alpha is above 0, then\n"
        "those of alpha times F over the whole picture, with the cutout's own alpha. SAD is summed over the channels.",
    .options = options,
    .examples = examples,
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};

static int name_width(const struct scoring *scoring)
{
    int width = 4;
    for (int i = 0; i < scoring->count; i++)
        width = (int)strlen(scoring->scores[i].name) > width ? (int)strlen(scoring->scores[i].name) : width;
    return width;
}

/** In quotes where a reader would else take it for several fields (RFC 4180). */
static void print_csv_text(const char *text)
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

static void print_csv_line(const struct score *score)
{
    print_csv_text(score->name);
    for (int k = 0; k < SCORE_METRICS; k++)
        printf(",%.9g", score->values[k]);
    putchar('\n');
}

static void print_line(const struct score *score, int width)
{
    printf("%-*s", width, score->name);
    for (int k = 0; k < SCORE_METRICS; k++)
        printf(" %10.*f", k == 1 ? 6 : 4, score->values[k]); /* MSE is the small one */
    putchar('\n');
}

static int print_table(const struct scoring *scoring, bool csv)
{
    const struct score mean = scoring_mean(scoring);
    const int width = name_width(scoring);
    printf("%-*s", csv ? 0 : width, "name");
    for (int k = 0; k < SCORE_METRICS; k++)
        printf(csv ? ",%s" : " %10s", score_names[k]);
    putchar('\n');
    for (int i = 0; i <= scoring->count; i++) {
        const struct score *score = i < scoring->count ? &scoring->scores[i] : &mean;
        if (score->failed)
            continue;
        if (csv)
            print_csv_line(score);
        else
            print_line(score, width);
    }
    return report_finish();
}

static cJSON *describe(const struct score *score)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", score->name);
    for (int k = 0; k < SCORE_METRICS; k++)
        cJSON_AddNumberToObject(object, score_names[k], score->values[k]);
    return object;
}

static int print_json(const struct scoring *scoring)
{
    static const char *const regions[] = {[SCORE_WHOLE] = "whole", [SCORE_UNKNOWN] = "unknown", [SCORE_DETAIL] = "detail"};
    cJSON *object = cJSON_CreateObject(), *pictures = cJSON_AddArrayToObject(object, "pictures");
    const struct score mean = scoring_mean(scoring);
    for (int i = 0; i < scoring->count; i++)
        if (!scoring->scores[i].failed)
            cJSON_AddItemToArray(pictures, describe(&scoring->scores[i]));
    cJSON_AddItemToObject(object, "mean", describe(&mean));
    cJSON_AddStringToObject(object, "region", regions[scoring->region]);
    cJSON_AddNumberToObject(object, "scored", scoring->count - scoring->failed);
    cJSON_AddNumberToObject(object, "failed", scoring->failed);
    return report_print(object);
}

static void complain(const struct scoring *scoring)
{
    for (int i = 0; i < scoring->count; i++) {
        const struct score *score = &scoring->scores[i];
        if (score->failed)
            command_failed(&cmd_eval, "%s", score->complaint ? score->complaint : "not enough memory to score a picture");
    }
}

static int report(const struct values *values, const struct scoring *scoring)
{
    complain(scoring);
    if (scoring->failed == scoring->count)
        return command_failed(&cmd_eval, "%s: none of its pictures could be scored", values->pred);
    const int outcome = values->json ? print_json(scoring) : print_table(scoring, values->csv);
    return scoring->failed ? STATUS_FAILED : outcome;
}

static int eval_colours(const struct values *values)
{
    struct mgm_context *ctx = NULL;
    int failed = 0;
    enum mgm_status status = mgm_context_create(&ctx);
    if (status == MGM_OK)
        status = colour_eval(ctx, values->pred, values->foreground, values->alpha, values->csv, &failed);
    int outcome = status == MGM_OK ? report_finish() : command_failed(&cmd_eval, "%s", mgm_context_error(ctx));
    mgm_context_destroy(&ctx);
    return failed ? STATUS_FAILED : outcome;
}

static int run(int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct scoring scoring = {0};
    struct mgm_context *ctx = NULL;
    int outcome = command_parse(&cmd_eval, argc, argv, &values, &operands);
    if (outcome != COMMAND_GO_ON)
        return outcome;
    if (values.json && values.csv)
        return command_misused(&cmd_eval, "either --json or --csv");
    if (values.trimap && values.detail)
        return command_misused(&cmd_eval, "either --trimap or --detail");
    if (values.foreground && (values.trimap || values.detail || values.json))
        return command_misused(&cmd_eval, "--foreground has no region, and no --json");
    if (values.foreground)
        return eval_colours(&values);
    const enum scoring_region region = values.trimap ? SCORE_UNKNOWN : values.detail ? SCORE_DETAIL : SCORE_WHOLE;
    enum mgm_status status = mgm_context_create(&ctx);
    if (status == MGM_OK)
        status =
            scoring_run(ctx, values.pred, values.alpha, region, values.trimap ? values.trimap : values.detail, &scoring);
    if (status != MGM_OK)
        outcome = command_failed(&cmd_eval, "%s", mgm_context_error(ctx));
    else
        outcome = report(&values, &scoring);
    scoring_release(&scoring);
    mgm_context_destroy(&ctx);
    return outcome;
}
