#include "eval_page.h"

#include "eval_pictures.h"
#include "eval_rows.h"
#include "html.h"
#include "image_file.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>

enum { WORST = 6, SIDE = 220 };

static void add_table(GString *page, const struct eval_run *run, enum mgm_region region)
{
    struct eval_row rows[EVAL_ROWS_MAX];
    const int count = eval_rows_make(run, region, rows);
    html_add(page, "<h2>Scores: %s</h2>\n<table><tr><th></th>", mgm_region_names[region]);
    for (int k = 0; k < MGM_METRIC_COUNT; k++)
        html_add(page, "<th>%s</th>", eval_row_columns[k]);
    html_add(page, "<th>pictures</th></tr>\n");
    for (int i = 0; i < count; i++) {
        const struct eval_row *row = &rows[i];
        html_add(page, "<tr class=\"%s\"><td>", row->published ? "published" : row->itself ? "itself" : "measured");
        html_text(page, row->title);
        html_add(page, "%s</td>", row->published ? " (published)" : "");
        for (int k = 0; k < MGM_METRIC_COUNT; k++) {
            char text[32];
            eval_row_text(row, k, text);
            html_add(page, "<td>%s</td>", text);
        }
        html_add(page, row->published ? "<td></td></tr>\n" : "<td>%d</td></tr>\n", row->count);
    }
    html_add(page, "</table>\n");
}

/** White where both agree, red where the matte is too light, blue where it is too dark. */
static enum mgm_status show_difference(struct mgm_context *ctx, const struct mgm_bitmap *matte,
                                       const struct mgm_bitmap *alpha, struct mgm_bitmap *out)
{
    TRY(mgm_bitmap_create(ctx, alpha->width, alpha->height, 3, out));
    for (size_t i = 0; i < (size_t)alpha->width * (size_t)alpha->height; i++) {
        const int more = matte->data[i] - alpha->data[i], length = abs(more) > 127 ? 255 : 2 * abs(more);
        out->data[3 * i] = (uint8_t)(more >= 0 ? 255 : 255 - length);
        out->data[3 * i + 1] = (uint8_t)(255 - length);
        out->data[3 * i + 2] = (uint8_t)(more <= 0 ? 255 : 255 - length);
    }
    return MGM_OK;
}

/** What stands side by side. */
struct shown {
    struct eval_pictures pictures;
    struct mgm_bitmap guidance, matte, difference;
};

static enum mgm_status load(struct mgm_context *ctx, const struct eval_run *run, int index, int kind, struct shown *shown)
{
    TRY(eval_pictures_load(ctx, run->protocol, &run->cases.cases[index], &shown->pictures));
    TRY(eval_run_guidance(ctx, run, index, kind, &shown->pictures, &shown->guidance));
    char *path = eval_run_matte_path(run, index, kind);
    enum mgm_status status = path ? image_file_read(ctx, path, 1, &shown->matte) : mgm_fail_nomem(ctx, "a path");
    const struct mgm_bitmap *alpha = &shown->pictures.alpha, *matte = &shown->matte;
    if (status == MGM_OK && (matte->width != alpha->width || matte->height != alpha->height))
        status = mgm_fail(ctx, MGM_E_SHAPE, "%s is no longer the matte that was scored", path);
    mgm_free(path);
    return status == MGM_OK ? show_difference(ctx, matte, alpha, &shown->difference) : status;
}

static enum mgm_status add_case(struct mgm_context *ctx, GString *page, const struct eval_run *run, int index, int kind)
{
    const struct eval_entry *entry = eval_run_entry(run, index, kind);
    const enum mgm_region region = run->protocol->regions[0];
    struct shown shown = {0};
    enum mgm_status status = load(ctx, run, index, kind, &shown);
    html_add(page, "<p><b>");
    html_text(page, run->cases.cases[index].name);
    html_add(page,
             "</b> <span class=\"dim\">SAD %.2f, MSE·10³ %.2f; the guidance itself %.2f; %.2f s</span></p>\n<div "
             "class=\"row\">\n",
             entry->matte.values[region][0], 1000 * entry->matte.values[region][1], entry->itself.values[region][0],
             entry->seconds);
    const struct {
        const struct mgm_bitmap *picture;
        const char *caption;
    } figures[] = {{&shown.pictures.image, "photo"},
                   {&shown.guidance, "guidance"},
                   {&shown.matte, "matte"},
                   {&shown.pictures.alpha, "truth"},
                   {&shown.difference, "red: too light, blue: too dark"}};
    for (size_t i = 0; i < sizeof figures / sizeof *figures && status == MGM_OK; i++)
        status = html_picture(ctx, page, figures[i].picture, SIDE, figures[i].caption);
    html_add(page, "</div>\n");
    eval_pictures_release(&shown.pictures);
    mgm_bitmap_release(&shown.guidance);
    mgm_bitmap_release(&shown.matte);
    mgm_bitmap_release(&shown.difference);
    return status;
}

/** Numbers of the worst pictures, the very worst first. @return how many */
static int find_worst(const struct eval_run *run, int kind, int worst[WORST])
{
    const enum mgm_region region = run->protocol->regions[0];
    int count = 0;
    for (int index = 0; index < run->count; index++) {
        const struct eval_entry *entry = eval_run_entry(run, index, kind);
        const double sad = entry->matte.values[region][0];
        if (!entry->done || isnan(sad))
            continue;
        int at = count < WORST ? count++ : WORST;
        for (; at > 0 && eval_run_entry(run, worst[at - 1], kind)->matte.values[region][0] < sad; at--)
            if (at < WORST)
                worst[at] = worst[at - 1];
        if (at < WORST)
            worst[at] = index;
    }
    return count;
}

static enum mgm_status add_worst(struct mgm_context *ctx, GString *page, const struct eval_run *run, int kind)
{
    int worst[WORST];
    const int count = find_worst(run, kind, worst);
    html_add(page, "<h2>The worst with ");
    html_text(page, run->kinds[kind].name);
    html_add(page, "</h2>\n");
    for (int i = 0; i < count; i++)
        TRY(add_case(ctx, page, run, worst[i], kind));
    return MGM_OK;
}

enum mgm_status eval_page_write(struct mgm_context *ctx, const struct eval_run *run, const char *path)
{
    GString *page = g_string_new(NULL);
    enum mgm_status status = MGM_OK;
    html_begin(page, run->protocol->title);
    html_add(page, "<p class=\"dim\">");
    html_text(page, run->model);
    html_add(page, ", %d pictures", run->count);
    if (run->failed)
        html_add(page, "; %d are missing or failed, and part of no mean", run->failed);
    html_add(page, ". SAD, Grad and Conn in thousands, MSE in thousandths.</p>\n");
    for (int i = 0; i < run->protocol->region_count; i++)
        add_table(page, run, run->protocol->regions[i]);
    for (int kind = 0; kind < run->kind_count && status == MGM_OK; kind++)
        status = add_worst(ctx, page, run, kind);
    html_end(page);
    if (status == MGM_OK)
        status = html_write(ctx, page, path);
    g_string_free(page, TRUE);
    return status;
}
