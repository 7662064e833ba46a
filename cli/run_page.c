#include "run_page.h"

#include "folder.h"
#include "html.h"
#include "image_file.h"

#include "base/memory.h"
#include "base/text_file.h"
#include "train/history.h"
#include "train/validation.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOG_MOST = 1 << 30, MOMENTS = 5, SIDE = 130 };

/* ---- numbers -----------------------------------------------------------------------------------------------------------
 */

/** A chart of some columns of a table. */
struct curves {
    const char *title;
    bool validation, logarithmic;
    struct {
        const char *column, *name;
    } lines[HTML_SERIES_MAX];
};

static const struct curves charts[] = {
    {"Loss", false, true, {{"loss", "total"}}},
    {"Held out: SAD of the unknown region, in thousands",
     true,
     false,
     {{"sad", "model"}, {"sad_guidance", "guidance itself"}}},
    {"Held out: MSE", true, true, {{"mse", "unknown region"}, {"mse_whole", "whole crop"}}},
    {"L1 loss", false, true, {{"l1_os8", "stride 8"}, {"l1_os4", "stride 4"}, {"l1_os1", "stride 1"}}},
    {"Composition loss", false, true, {{"comp_os8", "stride 8"}, {"comp_os4", "stride 4"}, {"comp_os1", "stride 1"}}},
    {"Laplacian loss", false, true, {{"lap_os8", "stride 8"}, {"lap_os4", "stride 4"}, {"lap_os1", "stride 1"}}},
    {"Learning rate", false, false, {{"learning_rate", "learning rate"}}},
    {"Length of the gradient", false, true, {{"gradient_norm", "length"}}},
    {"Share of the pixels that are judged",
     false,
     false,
     {{"mask_os4", "stride 4"}, {"mask_os1", "stride 1"}, {"truth_share", "masked by the truth"}}},
    {"Images per second", false, false, {{"images_per_second", "images per second"}}},
    {"Share of the time spent waiting for samples", false, false, {{"waiting_share", "share"}}},
};

static void add_chart(GString *page, const struct mgm_history *history, const struct curves *curves)
{
    const struct mgm_history_table *table = curves->validation ? &history->validation : &history->progress;
    struct html_series series[HTML_SERIES_MAX];
    int count = 0;
    for (int i = 0; i < HTML_SERIES_MAX && curves->lines[i].column; i++) {
        const double *y = mgm_history_column(table, curves->lines[i].column);
        if (y && table->rows)
            series[count++] = (struct html_series){curves->lines[i].name, table->rows, table->values[0], y};
    }
    if (count)
        html_chart(page, curves->title, series, count, curves->logarithmic);
}

/** The last value of a column that is a number; NaN if there is none. */
static double last_of(const struct mgm_history_table *table, const char *column)
{
    const double *values = mgm_history_column(table, column);
    for (int row = table->rows - 1; values && row >= 0; row--)
        if (!isnan(values[row]))
            return values[row];
    return NAN;
}

static void add_fact(GString *page, const char *what, const char *format, double value)
{
    char text[64];
    if (isnan(value))
        return;
    snprintf(text, sizeof text, format, value);
    html_add(page, "<tr><td>%s</td><td>%s</td></tr>\n", what, text);
}

static void add_facts(GString *page, const struct mgm_history *history)
{
    const struct mgm_history_table *progress = &history->progress, *validation = &history->validation;
    const double *sad = mgm_history_column(validation, "sad");
    double best = NAN, at = NAN;
    for (int row = 0; sad && row < validation->rows; row++)
        if (isnan(best) || sad[row] < best) {
            best = sad[row];
            at = validation->values[0][row];
        }
    html_add(page, "<table>\n");
    add_fact(page, "iterations", "%.0f", last_of(progress, "iteration"));
    add_fact(page, "samples seen", "%.0f", last_of(progress, "samples"));
    add_fact(page, "hours", "%.2f", last_of(progress, "seconds") / 3600);
    add_fact(page, "loss, at last", "%.4g", last_of(progress, "loss"));
    add_fact(page, "held out, at last: SAD", "%.3f", last_of(validation, "sad"));
    add_fact(page, "best SAD", "%.3f", best);
    add_fact(page, "which was at iteration", "%.0f", at);
    add_fact(page, "SAD of the guidance itself", "%.3f", last_of(validation, "sad_guidance"));
    html_add(page, "</table>\n");
}

/* ---- mattes over time --------------------------------------------------------------------------------------------------
 */

static enum mgm_status add_cell(struct mgm_context *ctx, GString *page, const struct mgm_bitmap *sheet, int row, int column,
                                const char *caption)
{
    const int size = (sheet->width + MGM_SHEET_GAP) / MGM_SHEET_COLUMNS - MGM_SHEET_GAP, pitch = size + MGM_SHEET_GAP;
    struct mgm_bitmap cell;
    TRY(mgm_bitmap_create(ctx, size, size, 3, &cell));
    for (size_t y = 0; y < (size_t)size; y++)
        memcpy(cell.data + 3 * y * (size_t)size,
               sheet->data + 3 * (((size_t)(row * pitch) + y) * (size_t)sheet->width + (size_t)(column * pitch)),
               3 * (size_t)size);
    const enum mgm_status status = html_picture(ctx, page, &cell, SIDE, caption);
    mgm_bitmap_release(&cell);
    return status;
}

static int rows_of(const struct mgm_bitmap *sheet)
{
    const int pitch = (sheet->width + MGM_SHEET_GAP) / MGM_SHEET_COLUMNS;
    return pitch > MGM_SHEET_GAP ? (sheet->height + MGM_SHEET_GAP) / pitch : 0;
}

static enum mgm_status add_row(struct mgm_context *ctx, GString *page, const struct mgm_bitmap *sheets, char **names,
                               int count, int row)
{
    html_add(page, "<div class=\"row\">\n");
    TRY(add_cell(ctx, page, &sheets[0], row, 0, "photo"));
    TRY(add_cell(ctx, page, &sheets[0], row, 1, "guidance"));
    for (int i = 0; i < count; i++)
        if (rows_of(&sheets[i]) > row)
            TRY(add_cell(ctx, page, &sheets[i], row, 2, names[i]));
    TRY(add_cell(ctx, page, &sheets[0], row, 3, "truth"));
    html_add(page, "</div>\n");
    return MGM_OK;
}

/** Some moments of the run, evenly apart, the first and the last among them. */
static enum mgm_status add_samples(struct mgm_context *ctx, GString *page, const char *path)
{
    struct folder folder;
    struct mgm_bitmap sheets[MOMENTS] = {{0}};
    char *names[MOMENTS] = {0};
    if (!folder_is(path) || folder_list(ctx, path, &folder) != MGM_OK)
        return MGM_OK; /* none yet */
    const int count = folder.count < MOMENTS ? folder.count : MOMENTS;
    enum mgm_status status = MGM_OK;
    for (int i = 0; i < count && status == MGM_OK; i++) {
        const int index = count > 1 ? i * (folder.count - 1) / (count - 1) : 0;
        names[i] = g_strdup_printf("iteration %ld", atol(folder.entries[index].name));
        status = image_file_read(ctx, folder.entries[index].path, 3, &sheets[i]);
    }
    html_add(page, "<h2>Held-out samples over time</h2>\n");
    for (int row = 0; status == MGM_OK && row < rows_of(&sheets[0]); row++)
        status = add_row(ctx, page, sheets, names, count, row);
    for (int i = 0; i < MOMENTS; i++) {
        mgm_bitmap_release(&sheets[i]);
        g_free(names[i]);
    }
    folder_release(&folder);
    return status;
}

/* ---- the page ----------------------------------------------------------------------------------------------------------
 */

static enum mgm_status read_history(struct mgm_context *ctx, const char *folder, struct mgm_history *history)
{
    char *path = folder_path_of(folder, "log.jsonl", ""), *text = NULL;
    size_t size = 0;
    enum mgm_status status = path ? mgm_text_file_read(ctx, path, LOG_MOST, &text, &size) : mgm_fail_nomem(ctx, "a path");
    if (status == MGM_OK)
        status = mgm_history_parse(ctx, path, text, size, history);
    mgm_free(text);
    mgm_free(path);
    return status;
}

enum mgm_status run_page_write(struct mgm_context *ctx, const char *folder, const char *path)
{
    struct mgm_history history;
    TRY(read_history(ctx, folder, &history));
    char *samples = folder_path_of(folder, "samples", "");
    GString *page = g_string_new(NULL);
    char *name = g_path_get_basename(folder), *title = g_strdup_printf("Training run %s", name);
    html_begin(page, title);
    g_free(title);
    g_free(name);
    add_facts(page, &history);
    html_add(page, "<h2>Curves, over iterations</h2>\n<div class=\"charts\">\n");
    for (size_t i = 0; i < sizeof charts / sizeof *charts; i++)
        add_chart(page, &history, &charts[i]);
    html_add(page, "</div>\n");
    enum mgm_status status = samples ? add_samples(ctx, page, samples) : mgm_fail_nomem(ctx, "a path");
    if (history.unread)
        html_add(page, "<p class=\"dim\">%d lines of the log could not be read.</p>\n", history.unread);
    html_end(page);
    if (status == MGM_OK)
        status = html_write(ctx, page, path);
    g_string_free(page, TRUE);
    mgm_free(samples);
    mgm_history_release(&history);
    return status;
}
