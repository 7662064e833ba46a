#include "train/history.h"

#include "base/memory.h"
#include "weights/json.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <string.h>

enum { LINE_MOST = 1 << 16 };

static int find_column(const struct mgm_history_table *table, const char *name)
{
    for (int c = 0; c < table->columns; c++)
        if (!strcmp(table->names[c], name))
            return c;
    return -1;
}

const double *mgm_history_column(const struct mgm_history_table *table, const char *name)
{
    const int column = find_column(table, name);
    return column < 0 ? NULL : table->values[column];
}

/** Room for one more row in a column. */
static bool widen(struct mgm_history_table *table, int column, int room)
{
    double *values = mgm_alloc((size_t)room, sizeof *values);
    if (!values)
        return false;
    for (int row = 0; row < table->rows; row++)
        values[row] = table->values[column] ? table->values[column][row] : NAN;
    mgm_free(table->values[column]);
    table->values[column] = values;
    return true;
}

static bool make_room(struct mgm_history_table *table)
{
    const int room = table->room ? 2 * table->room : 256;
    if (table->rows < table->room)
        return true;
    for (int c = 0; c < table->columns; c++)
        if (!widen(table, c, room))
            return false;
    table->room = room;
    return true;
}

/** The column of a name, made if there is none; −1 if there can be no more, or memory ran out. */
static int get_column(struct mgm_history_table *table, const char *name)
{
    const int found = find_column(table, name);
    if (found >= 0 || table->columns == MGM_HISTORY_COLUMNS || strlen(name) >= MGM_HISTORY_NAME)
        return found;
    if (!widen(table, table->columns, table->room))
        return -1;
    strcpy(table->names[table->columns], name);
    return table->columns++;
}

static bool add_row(struct mgm_history_table *table, const cJSON *object, double iteration)
{
    const cJSON *item;
    if (!make_room(table) || get_column(table, "iteration") != 0)
        return false;
    while (table->rows > 0 && table->values[0][table->rows - 1] >= iteration)
        table->rows--; /* lost, and done again */
    const int row = table->rows++;
    table->values[0][row] = iteration;
    for (int c = 1; c < table->columns; c++)
        table->values[c][row] = NAN;
    cJSON_ArrayForEach(item, object)
    {
        const int column = cJSON_IsNumber(item) && isfinite(item->valuedouble) ? get_column(table, item->string) : -1;
        if (column > 0) /* a line may say "iteration" twice */
            table->values[column][row] = item->valuedouble;
    }
    return true;
}

static enum mgm_status read_line(struct mgm_context *ctx, const char *name, const char *line, size_t length,
                                 struct mgm_history *history)
{
    cJSON *object = NULL;
    enum mgm_status status = length > LINE_MOST
                                 ? MGM_E_FORMAT
                                 : mgm_json_parse(ctx, name, "no JSON object", (const uint8_t *)line, length, &object);
    const char *event = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "event"));
    const cJSON *iteration = cJSON_GetObjectItemCaseSensitive(object, "iteration");
    struct mgm_history_table *table = !event                         ? NULL
                                      : !strcmp(event, "progress")   ? &history->progress
                                      : !strcmp(event, "validation") ? &history->validation
                                                                     : NULL;
    if (status == MGM_E_FORMAT || !table || !cJSON_IsNumber(iteration) || !isfinite(iteration->valuedouble))
        history->unread++;
    else if (status == MGM_OK && !add_row(table, object, iteration->valuedouble))
        status = mgm_fail_nomem(ctx, name);
    cJSON_Delete(object);
    return status == MGM_E_FORMAT ? MGM_OK : status;
}

enum mgm_status mgm_history_parse(struct mgm_context *ctx, const char *name, const char *text, size_t size,
                                  struct mgm_history *out)
{
    enum mgm_status status = MGM_OK;
    *out = (struct mgm_history){.progress.room = 0};
    for (size_t at = 0; at < size && status == MGM_OK;) {
        const char *end = memchr(text + at, '\n', size - at);
        const size_t length = end ? (size_t)(end - text) - at : size - at;
        if (length)
            status = read_line(ctx, name, text + at, length, out);
        at += length + 1;
    }
    if (status == MGM_OK && !out->progress.rows && !out->validation.rows)
        status = mgm_fail(ctx, MGM_E_FORMAT, "%s: no log of a training run: it has no line of progress", name);
    if (status != MGM_OK)
        mgm_history_release(out);
    return status;
}

void mgm_history_release(struct mgm_history *history)
{
    for (int c = 0; c < MGM_HISTORY_COLUMNS; c++) {
        mgm_free(history->progress.values[c]);
        mgm_free(history->validation.values[c]);
    }
    *history = (struct mgm_history){.progress.room = 0};
}
