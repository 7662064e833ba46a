#include "train/watch.h"

#include "base/memory.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <turbojpeg.h>

enum { QUALITY = 92, PATH_SIZE = 4096 };

/** What a killed run left without an end must not spoil the line that follows. */
static void end_torn_line(FILE *log)
{
    if (fseek(log, -1, SEEK_END) == 0 && fgetc(log) != '\n') {
        fseek(log, 0, SEEK_END);
        fputc('\n', log);
    }
    fseek(log, 0, SEEK_END);
}

enum mgm_status mgm_watch_open(struct mgm_context *ctx, const char *folder, int64_t step, struct mgm_watch *out)
{
    char path[PATH_SIZE];
    *out = (struct mgm_watch){0};
    snprintf(path, sizeof path, "%s/samples", folder);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return mgm_fail(ctx, MGM_E_IO, "cannot make the folder %s: %s", path, strerror(errno));
    out->folder = mgm_strdup(path);
    if (!out->folder)
        return mgm_fail_nomem(ctx, "the log");
    snprintf(path, sizeof path, "%s/log.jsonl", folder);
    out->log = fopen(path, "a+");
    if (out->log)
        end_torn_line(out->log);
    enum mgm_status status = out->log ? MGM_OK : mgm_fail(ctx, MGM_E_IO, "cannot write %s: %s", path, strerror(errno));
    if (status == MGM_OK)
        status = mgm_events_open(ctx, folder, step, &out->events);
    if (status != MGM_OK)
        mgm_watch_close(out);
    return status;
}

void mgm_watch_close(struct mgm_watch *watch)
{
    if (watch->log)
        fclose(watch->log);
    mgm_events_close(&watch->events);
    mgm_free(watch->folder);
    *watch = (struct mgm_watch){0};
}

void mgm_watch_tell(struct mgm_watch *watch, struct cJSON *object)
{
    char *line = object && watch->log ? cJSON_PrintUnformatted(object) : NULL;
    const char *event = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "event"));
    const cJSON *item, *iteration = cJSON_GetObjectItemCaseSensitive(object, "iteration");
    if (line) {
        fprintf(watch->log, "%s\n", line);
        fflush(watch->log);
    }
    cJSON_ArrayForEach(item, object)
    {
        char tag[128];
        if (cJSON_IsNumber(item) && item != iteration && event) {
            snprintf(tag, sizeof tag, "%s/%s", event, item->string);
            mgm_events_add_scalar(&watch->events, tag, item->valuedouble);
        }
    }
    if (iteration)
        mgm_events_write(&watch->events, (int64_t)iteration->valuedouble);
    cJSON_free(line);
    cJSON_Delete(object);
}

/** A file that is there only when it is whole. */
static void write_file(const char *path, const void *bytes, size_t size)
{
    char part[PATH_SIZE + 8];
    snprintf(part, sizeof part, "%s.part", path);
    FILE *file = fopen(part, "wb");
    if (!file)
        return;
    const bool written = fwrite(bytes, 1, size, file) == size;
    if (fclose(file) != 0 || !written || rename(part, path) != 0)
        remove(part);
}

void mgm_watch_show(struct mgm_watch *watch, int64_t iteration, const struct mgm_bitmap *picture)
{
    char path[PATH_SIZE];
    unsigned char *bytes = NULL;
    unsigned long size = 0;
    tjhandle encoder = watch->log ? tjInitCompress() : NULL;
    if (!encoder)
        return;
    if (tjCompress2(encoder, picture->data, picture->width, 0, picture->height, TJPF_RGB, &bytes, &size, TJSAMP_444, QUALITY,
                    0) == 0) {
        snprintf(path, sizeof path, "%s/%09" PRId64 ".jpg", watch->folder, iteration);
        write_file(path, bytes, size);
        mgm_events_add_picture(&watch->events, "validation/samples", picture->width, picture->height, bytes, size);
        mgm_events_write(&watch->events, iteration);
    }
    tjFree(bytes);
    tjDestroy(encoder);
}
