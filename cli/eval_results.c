#include "eval_results.h"

#include "report.h"

#include "base/memory.h"
#include "base/text_file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <glib.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RESULTS_MOST = 1 << 28 };

/** Marks what has been done. */
static enum mgm_status mark(void *argument, const struct mgm_eval_result *result)
{
    struct eval_run *run = argument;
    for (int index = 0; index < run->count; index++)
        for (int kind = 0; kind < run->kind_count && !strcmp(run->cases.cases[index].name, result->name); kind++)
            if (!strcmp(run->kinds[kind].name, result->guidance))
                *eval_run_entry(run, index, kind) =
                    (struct eval_entry){true, NULL, result->matte, result->itself, result->seconds};
    return MGM_OK;
}

static enum mgm_status read_results(struct mgm_context *ctx, const char *path, const char *header, struct eval_run *run)
{
    char *text;
    size_t size, whole;
    TRY(mgm_text_file_read(ctx, path, RESULTS_MOST, &text, &size));
    enum mgm_status status = mgm_eval_results_parse(ctx, path, text, size, header, mark, run, &whole);
    mgm_free(text);
    if (status == MGM_OK && whole < size && truncate(path, (off_t)whole) != 0)
        status = mgm_fail(ctx, MGM_E_IO, "%s cannot be written: %s", path, strerror(errno));
    return status;
}

static enum mgm_status open_file(struct mgm_context *ctx, const struct eval_options *options, const char *header,
                                 struct eval_run *run, FILE **log)
{
    char *path = folder_path_of(options->output, "results.jsonl", "");
    enum mgm_status status = path ? MGM_OK : mgm_fail_nomem(ctx, "a path");
    const bool there = path && access(path, F_OK) == 0;
    if (there && !options->resume)
        status = mgm_fail(ctx, MGM_E_INVALID, "%s exists already: go on with --resume, or name another folder", path);
    else if (there)
        status = read_results(ctx, path, header, run);
    *log = status == MGM_OK ? fopen(path, "a") : NULL;
    if (status == MGM_OK && (!*log || fseek(*log, 0, SEEK_END) != 0 ||
                             (ftell(*log) == 0 && fprintf(*log, "%s\n", header) < 0) || fflush(*log) != 0))
        status = mgm_fail(ctx, MGM_E_IO, "%s cannot be written: %s", path, strerror(errno));
    mgm_free(path);
    return status;
}

/** SHA-256 of the weights, so that mattes of two models never end up in one table. */
static enum mgm_status fingerprint(struct mgm_context *ctx, const char *path, char text[65])
{
    unsigned char buffer[1 << 16];
    FILE *file = fopen(path, "rb");
    if (!file)
        return mgm_fail(ctx, MGM_E_IO, "cannot read %s: %s", path, strerror(errno));
    GChecksum *sum = g_checksum_new(G_CHECKSUM_SHA256);
    for (size_t size; (size = fread(buffer, 1, sizeof buffer, file)) > 0;)
        g_checksum_update(sum, buffer, (gssize)size);
    const bool failed = ferror(file);
    snprintf(text, 65, "%s", g_checksum_get_string(sum));
    g_checksum_free(sum);
    fclose(file);
    return failed ? mgm_fail(ctx, MGM_E_IO, "cannot read %s", path) : MGM_OK;
}

/** A folder that is read, so that its pictures' results are not taken for those of others of the same names. */
static void add_place(cJSON *object, const char *name, const char *folder)
{
    char *whole = realpath(folder, NULL), *valid = g_utf8_make_valid(name, -1);
    report_add_text(object, valid, whole ? whole : folder);
    g_free(valid);
    free(whole);
}

static enum mgm_status describe(struct mgm_context *ctx, const struct eval_options *options, const struct eval_run *run,
                                const char *model, char **header)
{
    char sum[65];
    TRY(fingerprint(ctx, model, sum));
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "protocol", run->protocol->name);
    cJSON_AddStringToObject(object, "model", sum);
    add_place(object, "data", run->data);
    if (run->backgrounds)
        add_place(object, "backgrounds", run->backgrounds);
    for (int kind = 0; kind < run->kind_count; kind++)
        if (run->kinds[kind].path)
            add_place(object, run->kinds[kind].name, run->kinds[kind].path);
    cJSON_AddBoolToObject(object, "reference", options->reference);
    cJSON_AddBoolToObject(object, "largest_component", options->largest_component);
    cJSON_AddStringToObject(object, "precision", options->precision ? options->precision : "auto");
    if (options->method)
        cJSON_AddStringToObject(object, "method", options->method);
    *header = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    return *header ? MGM_OK : mgm_fail_nomem(ctx, "the first line of the results");
}

enum mgm_status eval_results_open(struct mgm_context *ctx, const struct eval_options *options, const char *model,
                                  struct eval_run *run, FILE **log)
{
    char *header;
    *log = NULL;
    TRY(describe(ctx, options, run, model, &header));
    enum mgm_status status = folder_make(ctx, options->output);
    for (int kind = 0; status == MGM_OK && kind < run->kind_count; kind++) {
        char *folder = folder_path_of(run->output, run->kinds[kind].name, "");
        status = folder ? folder_make(ctx, folder) : mgm_fail_nomem(ctx, "a path");
        mgm_free(folder);
    }
    if (status == MGM_OK)
        status = open_file(ctx, options, header, run, log);
    cJSON_free(header);
    return status;
}
