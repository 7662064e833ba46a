#include "eval_rows.h"

#include "report.h"
#include "text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const eval_row_columns[MGM_METRIC_COUNT] = {"SAD", "MSE·10³", "Grad", "Conn"};

static void take_mean(const struct eval_run *run, int kind, enum mgm_region region, bool itself, struct eval_row *row)
{
    *row = (struct eval_row){.itself = itself};
    row->count = eval_run_mean(run, kind, region, itself, row->values);
    row->values[1] *= 1000;
    if (itself)
        snprintf(row->title, sizeof row->title, "  the guidance itself");
    else
        snprintf(row->title, sizeof row->title, "this run, %.100s", run->kinds[kind].name);
}

int eval_rows_make(const struct eval_run *run, enum mgm_region region, struct eval_row rows[EVAL_ROWS_MAX])
{
    int count = 0;
    for (int kind = 0; kind < run->kind_count; kind++)
        for (int itself = 0; itself < 2; itself++)
            take_mean(run, kind, region, itself, &rows[count++]);
    for (const struct mgm_published *line = mgm_published; line->protocol && count < EVAL_ROWS_MAX; line++) {
        if (strcmp(line->protocol, run->protocol->name) != 0 || line->region != region)
            continue;
        struct eval_row *row = &rows[count++];
        *row = (struct eval_row){.published = true};
        snprintf(row->title, sizeof row->title, "%s", line->method);
        for (int k = 0; k < MGM_METRIC_COUNT; k++)
            row->values[k] = line->values[k] < 0 ? NAN : line->values[k];
    }
    return count;
}

void eval_row_text(const struct eval_row *row, int metric, char text[32])
{
    if (isnan(row->values[metric]))
        snprintf(text, 32, "–");
    else
        snprintf(text, 32, "%.2f", row->values[metric]);
}

static void print_cell(const char *text, int width)
{
    const int columns = text_columns(text_whole(text));
    printf("%*s%s", columns < width ? width - columns : 0, "", text);
}

static void print_table(const struct eval_run *run, enum mgm_region region)
{
    struct eval_row rows[EVAL_ROWS_MAX];
    const int count = eval_rows_make(run, region, rows);
    int width = 0;
    for (int i = 0; i < count; i++) {
        const int columns = text_columns(text_whole(rows[i].title));
        width = columns > width ? columns : width;
    }
    printf("\n%-*s", width, mgm_region_names[region]);
    for (int k = 0; k < MGM_METRIC_COUNT; k++)
        print_cell(eval_row_columns[k], 10);
    print_cell("pictures", 10);
    putchar('\n');
    for (int i = 0; i < count; i++) {
        char text[32];
        if (rows[i].published && (i == 0 || !rows[i - 1].published))
            puts("published:");
        printf("%s%*s", rows[i].title, width - text_columns(text_whole(rows[i].title)), "");
        for (int k = 0; k < MGM_METRIC_COUNT; k++) {
            eval_row_text(&rows[i], k, text);
            print_cell(text, 10);
        }
        if (!rows[i].published && !rows[i].itself)
            printf("%10d", rows[i].count);
        putchar('\n');
    }
}

void eval_rows_print(const struct eval_run *run)
{
    printf("%s\n%s; regions: unknown is where the trimap is 128\n", run->protocol->title, run->model);
    for (int i = 0; i < run->protocol->region_count; i++)
        print_table(run, run->protocol->regions[i]);
}

static cJSON *describe_row(const struct eval_row *row, enum mgm_region region)
{
    cJSON *object = cJSON_CreateObject();
    report_add_text(object, "title", row->title + strspn(row->title, " "));
    cJSON_AddStringToObject(object, "region", mgm_region_names[region]);
    for (int k = 0; k < MGM_METRIC_COUNT; k++)
        if (!isnan(row->values[k]))
            cJSON_AddNumberToObject(object, mgm_metric_names[k], k == 1 ? row->values[k] / 1000 : row->values[k]);
    if (!row->published)
        cJSON_AddNumberToObject(object, "pictures", row->count);
    return object;
}

void eval_rows_print_pictures(const struct eval_run *run)
{
    const enum mgm_region region = run->protocol->regions[0];
    printf("name,guidance");
    for (int itself = 0; itself < 2; itself++)
        for (int k = 0; k < MGM_METRIC_COUNT; k++)
            printf(",%s%s", mgm_metric_names[k], itself ? " of guidance" : "");
    putchar('\n');
    for (int index = 0; index < run->count; index++) {
        for (int kind = 0; kind < run->kind_count; kind++) {
            const struct eval_entry *entry = eval_run_entry(run, index, kind);
            if (!entry->done)
                continue;
            report_csv_text(run->cases.cases[index].name);
            putchar(',');
            report_csv_text(run->kinds[kind].name);
            for (int k = 0; k < MGM_METRIC_COUNT; k++)
                printf(",%.9g", entry->matte.values[region][k]);
            for (int k = 0; k < MGM_METRIC_COUNT; k++)
                printf(",%.9g", entry->itself.values[region][k]);
            putchar('\n');
        }
    }
}

cJSON *eval_rows_describe(const struct eval_run *run)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "protocol", run->protocol->name);
    report_add_text(object, "model", run->model);
    cJSON *measured = cJSON_AddArrayToObject(object, "results"), *published = cJSON_AddArrayToObject(object, "published");
    for (int i = 0; i < run->protocol->region_count; i++) {
        const enum mgm_region region = run->protocol->regions[i];
        struct eval_row rows[EVAL_ROWS_MAX];
        const int count = eval_rows_make(run, region, rows);
        for (int k = 0; k < count; k++) {
            cJSON *row = describe_row(&rows[k], region);
            if (!rows[k].published) {
                report_add_text(row, "guidance", run->kinds[k / 2].name);
                cJSON_AddBoolToObject(row, "itself", rows[k].itself);
            }
            cJSON_AddItemToArray(rows[k].published ? published : measured, row);
        }
    }
    cJSON_AddNumberToObject(object, "failed", run->failed);
    return object;
}
