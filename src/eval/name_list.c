#include "eval/name_list.h"

#include "base/memory.h"
#include "base/text_file.h"

#include <string.h>

enum { MOST_NAMES = 1000000, MOST_BYTES = 64 << 20 };

static bool is_plain(const char *name)
{
    if (!strcmp(name, ".") || !strcmp(name, ".."))
        return false;
    for (; *name; name++)
        if (*name == '/' || (unsigned char)*name < ' ' || *name == 127)
            return false;
    return true;
}

/** The next line, cut out of the text and without blanks around it; NULL at the end. */
static char *next_line(char **rest, const char *end)
{
    if (*rest >= end)
        return NULL;
    char *line = *rest, *stop = memchr(line, '\n', (size_t)(end - line));
    *rest = stop ? stop + 1 : (char *)end;
    stop = stop ? stop : (char *)end;
    while (stop > line && strchr(" \t\r", stop[-1]) && stop[-1])
        stop--;
    *stop = '\0';
    return line + strspn(line, " \t");
}

static enum mgm_status gather(struct mgm_context *ctx, const char *name, size_t size, struct mgm_name_list *list)
{
    char *rest = list->text, *line;
    const char *const end = list->text + size;
    for (int number = 1; (line = next_line(&rest, end)); number++) {
        if (!*line)
            continue;
        if (!is_plain(line))
            return mgm_fail(ctx, MGM_E_FORMAT, "%s, line %d: expected the name of a file, without a folder", name, number);
        list->names[list->count++] = line;
    }
    return list->count ? MGM_OK : mgm_fail(ctx, MGM_E_FORMAT, "%s: it names no files", name);
}

enum mgm_status mgm_name_list_parse(struct mgm_context *ctx, const char *name, const char *text, size_t size,
                                    struct mgm_name_list *out)
{
    *out = (struct mgm_name_list){0};
    size_t lines = 1;
    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    if (memchr(text, 0, size))
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: no list of names, it has zero bytes", name);
    if (lines > MOST_NAMES)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: it has %zu lines, expected at most %d", name, lines, MOST_NAMES);
    out->text = mgm_alloc(size + 1, 1);
    out->names = mgm_alloc(lines, sizeof *out->names);
    enum mgm_status status = out->text && out->names ? MGM_OK : mgm_fail_nomem(ctx, name);
    if (status == MGM_OK) {
        memcpy(out->text, text, size);
        out->text[size] = '\0';
        status = gather(ctx, name, size, out);
    }
    if (status != MGM_OK)
        mgm_name_list_release(out);
    return status;
}

enum mgm_status mgm_name_list_read(struct mgm_context *ctx, const char *path, struct mgm_name_list *out)
{
    char *text;
    size_t size;
    *out = (struct mgm_name_list){0};
    TRY(mgm_text_file_read(ctx, path, MOST_BYTES, &text, &size));
    const enum mgm_status status = mgm_name_list_parse(ctx, path, text, size, out);
    mgm_free(text);
    return status;
}

void mgm_name_list_release(struct mgm_name_list *list)
{
    mgm_free(list->names);
    mgm_free(list->text);
    *list = (struct mgm_name_list){0};
}
