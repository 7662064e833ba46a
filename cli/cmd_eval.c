/** mgm eval: scores mattes against the truth. */
#include "colour_eval.h"
#include "command.h"
#include "eval_protocol.h"
#include "matte_job.h"
#include "models.h"
#include "report.h"
#include "scoring.h"

#include "matting/precision.h"

#include <stdio.h>
#include <string.h>

struct values {
    const char *pred, *alpha, *trimap, *detail, *foreground;
    bool json, csv, parts;
    struct eval_protocol_values protocol;
};

static const struct command_option options[] = {
    {"pred", 0, OPTION_TEXT, offsetof(struct values, pred), "DIR", "the mattes to be scored", .takes = TAKES_FOLDER},
    {"alpha", 0, OPTION_TEXT, offsetof(struct values, alpha), "DIR", "the true mattes", .takes = TAKES_FOLDER},
    {"trimap", 0, OPTION_TEXT, offsetof(struct values, trimap), "DIR", "score only where these are 128",
     .takes = TAKES_FOLDER},
    {"detail", 0, OPTION_TEXT, offsetof(struct values, detail), "DIR", "score only where these are not 0",
     .takes = TAKES_FOLDER},
    {"protocol", 0, OPTION_CHOICE, offsetof(struct values, protocol.protocol), "NAME", "run a benchmark instead",
     .choices = eval_protocol_names},
    {"data", 0, OPTION_TEXT, offsetof(struct values, protocol.data), "DIR", "the benchmark's folder", .takes = TAKES_FOLDER},
    {"backgrounds", 0, OPTION_TEXT, offsetof(struct values, protocol.backgrounds), "DIR",
     "what foregrounds are laid over (PASCAL VOC's JPEGImages)", .takes = TAKES_FOLDER},
    {"output", 'o', OPTION_TEXT, offsetof(struct values, protocol.output), "DIR", "where mattes and results go",
     .takes = TAKES_FOLDER},
    {"report", 0, OPTION_TEXT, offsetof(struct values, protocol.report), "OUT.html",
     "write a page with the tables and the worst pictures"},
    {"guidance", 0, OPTION_LIST, offsetof(struct values, protocol.guidance), "KIND",
     "only this one of the benchmark's; may be repeated", .takes = TAKES_ANYTHING},
    {"mattes", 0, OPTION_LIST, offsetof(struct values, protocol.mattes), "[NAME=]DIR",
     "another method's mattes, to be refined; may be repeated", .takes = TAKES_FOLDER},
    {"resume", 0, OPTION_FLAG, offsetof(struct values, protocol.resume), NULL, "go on with what is in the output folder"},
    {"check", 0, OPTION_FLAG, offsetof(struct values, protocol.check), NULL, "only say what is missing in the data"},
    {"limit", 0, OPTION_INT, offsetof(struct values, protocol.limit), "N", "only the first N pictures", .low = 1,
     .high = 1e6},
    {"model", 0, OPTION_TEXT, offsetof(struct values, protocol.model), "MODEL", MODEL_OPTION_HELP, .takes = TAKES_MODEL},
    {"reference", 0, OPTION_FLAG, offsetof(struct values, protocol.reference), NULL,
     "pad, threshold and truncate as the published code does"},
    {"largest-component", 0, OPTION_FLAG, offsetof(struct values, protocol.largest_component), NULL,
     "keep only the largest connected part of each matte"},
    {"method", 0, OPTION_CHOICE, offsetof(struct values, protocol.method), "METHOD",
     "how photos are put before the network, as mgm matte has it (auto)", .choices = method_names},
    {"precision", 0, OPTION_CHOICE, offsetof(struct values, protocol.precision), "P", "in what the network computes",
     .choices = mgm_precision_names},
    {"device", 0, OPTION_TEXT, offsetof(struct values, protocol.device), "DEVICE", "where to compute: cpu, cuda or cuda:N",
     .takes = TAKES_ANYTHING},
    {"jobs", 0, OPTION_INT, offsetof(struct values, protocol.jobs), "N", "pictures at a time; 0: one for two cores",
     .high = 64},
    {"threads", 0, OPTION_INT, offsetof(struct values, protocol.threads), "N", "threads of all; 0: one per core",
     .high = 1024},
    {"quiet", 'q', OPTION_FLAG, offsetof(struct values, protocol.quiet), NULL, "no progress on stderr"},
    {"parts", 0, OPTION_FLAG, offsetof(struct values, parts), NULL,
     "split SAD by what went wrong, instead of the other metrics"},
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
    {"Show what the errors are made of:", "mgm eval --pred mattes --alpha truth --parts"},
    {"Run a benchmark, with tables as published and a page of the worst pictures:",
     "mgm eval --protocol alphamatting --data bench -o out --report out.html"},
    {"Refine another method's mattes:", "mgm eval --protocol folders --data bench --mattes mattes -o refined"},
    {"Score the colours of cutouts:", "mgm eval --pred done --alpha truth --foreground colours"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_eval = {
    .name = "eval",
    .summary = "scores mattes against the truth",
    .synopsis = "--pred DIR --alpha DIR [--trimap DIR | --detail DIR | --foreground DIR] | --protocol NAME --data DIR -o "
                "DIR [options]",
    .details =
        "Pictures belong together that have the same name, whatever their extension. A line for each (name,\n"
        "SAD in thousands, MSE, Grad and Conn in thousands), the mean last. With --trimap the region is where\n"
        "the trimap is exactly 128, with --detail where the map is not 0, else the whole picture. Whatever is\n"
        "missing or of another size is named and left out of the mean, and the exit status tells that the\n"
        "table is incomplete. With --parts the columns are what SAD is the sum of: lost (errors where the\n"
        "true alpha is at least 0.95), added (where it is at most 0.05), over and under\n"
        "(too much and too little in between).\n"
        "\n"
        "With --protocol, a benchmark is run from its folder, as it is handed out, to its tables: pictures are\n"
        "composed where need be, mattes made with each guidance of the protocol and scored, beside the guidance\n"
        "itself and published figures; with --csv, a line for each picture and guidance instead. What is done is\n"
        "kept in the output folder; --resume goes on from there.\n"
        "  composition-1k   Combined_Dataset or its Test_set, and --backgrounds\n"
        "  distinction-646  Test with FG and GT, and --backgrounds; --mattes for refinement\n"
        "  portrait         image, alpha, mask and detailmap; masks also eroded and dilated by 10, 20, 30\n"
        "  portrait-720     the same, scaled to a longer side of 720\n"
        "  alphamatting     input, trimap and alpha, or the folders of its training set\n"
        "  folders          image and alpha, and mask or trimap where there are some\n"
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

/** The columns of a table: all metrics, or SAD and its parts. */
static int column_count(bool parts)
{
    return parts ? 1 + MGM_SAD_PARTS : MGM_METRIC_COUNT;
}

static const char *column_name(bool parts, int k)
{
    return parts && k ? mgm_sad_part_names[k - 1] : mgm_metric_names[k];
}

static double column_value(const struct score *score, bool parts, int k)
{
    return parts && k ? score->parts[k - 1] : score->values[k];
}

static void print_csv_line(const struct score *score, bool parts)
{
    report_csv_text(score->name);
    for (int k = 0; k < column_count(parts); k++)
        printf(",%.9g", column_value(score, parts, k));
    putchar('\n');
}

static void print_line(const struct score *score, bool parts, int width)
{
    printf("%-*s", width, score->name);
    for (int k = 0; k < column_count(parts); k++)
        printf(" %10.*f", !parts && k == 1 ? 6 : 4, column_value(score, parts, k)); /* MSE is the small one */
    putchar('\n');
}

static int print_table(const struct scoring *scoring, bool csv, bool parts)
{
    const struct score mean = scoring_mean(scoring);
    const int width = name_width(scoring);
    printf("%-*s", csv ? 0 : width, "name");
    for (int k = 0; k < column_count(parts); k++)
        printf(csv ? ",%s" : " %10s", column_name(parts, k));
    putchar('\n');
    for (int i = 0; i <= scoring->count; i++) {
        const struct score *score = i < scoring->count ? &scoring->scores[i] : &mean;
        if (score->failed)
            continue;
        if (csv)
            print_csv_line(score, parts);
        else
            print_line(score, parts, width);
    }
    return report_finish();
}

static cJSON *describe(const struct score *score, bool parts)
{
    cJSON *object = cJSON_CreateObject();
    report_add_text(object, "name", score->name);
    for (int k = 0; k < column_count(parts); k++)
        cJSON_AddNumberToObject(object, column_name(parts, k), column_value(score, parts, k));
    return object;
}

static int print_json(const struct scoring *scoring, bool parts)
{
    cJSON *object = cJSON_CreateObject(), *pictures = cJSON_AddArrayToObject(object, "pictures");
    const struct score mean = scoring_mean(scoring);
    for (int i = 0; i < scoring->count; i++)
        if (!scoring->scores[i].failed)
            cJSON_AddItemToArray(pictures, describe(&scoring->scores[i], parts));
    cJSON_AddItemToObject(object, "mean", describe(&mean, parts));
    cJSON_AddStringToObject(object, "region", mgm_region_names[scoring->region]);
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
    const int outcome = values->json ? print_json(scoring, values->parts) : print_table(scoring, values->csv, values->parts);
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
    if (values.protocol.protocol && (values.pred || values.alpha || values.trimap || values.detail || values.parts))
        return command_misused(&cmd_eval, "--protocol finds its pictures itself: name their folder with --data alone");
    if (values.protocol.protocol)
        return eval_protocol_run(&cmd_eval, &values.protocol, values.json, values.csv);
    if (!values.pred || !values.alpha)
        return command_misused(&cmd_eval, "--pred DIR and --alpha DIR, or --protocol, are missing");
    if (values.trimap && values.detail)
        return command_misused(&cmd_eval, "either --trimap or --detail");
    if (values.foreground && (values.trimap || values.detail || values.json || values.parts))
        return command_misused(&cmd_eval, "--foreground has no region, no --parts, and no --json");
    if (values.foreground)
        return eval_colours(&values);
    const enum mgm_region region = values.trimap ? MGM_REGION_UNKNOWN : values.detail ? MGM_REGION_DETAIL : MGM_REGION_WHOLE;
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
