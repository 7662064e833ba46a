#include "train/config_keys.h"

#include "base/memory.h"

#include <libconfig.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/** What a setting is read into, and what messages about it say. */
struct reader {
    struct mgm_context *ctx;
    const char *file, *folder; /* folder: that paths are relative to; NULL: paths stay as they are */
    struct mgm_train_config *config;
};

static enum mgm_status complain(const struct reader *reader, const config_setting_t *setting, const char *key,
                                const char *what)
{
    const char *file = config_setting_source_file(setting);
    return mgm_fail(reader->ctx, MGM_E_FORMAT, "%s, line %u: %s %s", file ? file : reader->file,
                    config_setting_source_line(setting), key, what);
}

static enum mgm_status read_number(const struct reader *reader, const config_setting_t *setting,
                                   const struct mgm_config_key *key, bool whole, double *value)
{
    int type = config_setting_type(setting);
    char what[128];
    if (type == CONFIG_TYPE_INT)
        *value = config_setting_get_int(setting);
    else if (type == CONFIG_TYPE_INT64)
        *value = (double)config_setting_get_int64(setting);
    else if (type == CONFIG_TYPE_FLOAT && !whole)
        *value = config_setting_get_float(setting);
    else
        return complain(reader, setting, key->name, whole ? "must be a whole number" : "must be a number");
    if (*value >= key->low && *value <= key->high) /* also refuses what is not a number */
        return MGM_OK;
    snprintf(what, sizeof what, "is %g, expected %g to %g", *value, key->low, key->high);
    return complain(reader, setting, key->name, what);
}

static enum mgm_status read_numbers(const struct reader *reader, const config_setting_t *setting,
                                    const struct mgm_config_key *key)
{
    char *target = (char *)reader->config + key->offset;
    if (key->length > 1 && (!config_setting_is_aggregate(setting) || config_setting_length(setting) != key->length))
        return complain(reader, setting, key->name, "must be two numbers: [smallest, largest]");
    for (int i = 0; i < key->length; i++) {
        const config_setting_t *element = key->length > 1 ? config_setting_get_elem(setting, (unsigned)i) : setting;
        double value;
        TRY(read_number(reader, element, key, key->kind == INTEGER, &value));
        if (key->kind == INTEGER)
            ((int *)(void *)target)[i] = (int)value;
        else
            ((double *)(void *)target)[i] = value;
    }
    return MGM_OK;
}

static enum mgm_status read_wide(const struct reader *reader, const config_setting_t *setting,
                                 const struct mgm_config_key *key)
{
    double checked;
    TRY(read_number(reader, setting, key, true, &checked));
    int64_t value = config_setting_type(setting) == CONFIG_TYPE_INT ? config_setting_get_int(setting)
                                                                    : config_setting_get_int64(setting);
    memcpy((char *)reader->config + key->offset, &value, sizeof value);
    return MGM_OK;
}

static enum mgm_status read_text(const struct reader *reader, const config_setting_t *setting,
                                 const struct mgm_config_key *key)
{
    if (config_setting_type(setting) != CONFIG_TYPE_STRING)
        return complain(reader, setting, key->name, "must be text in quotes");
    const char *text = config_setting_get_string(setting);
    char *target = (char *)reader->config + key->offset;
    bool relative = key->kind == PATH && reader->folder && *text && *text != '/';
    int length = relative ? snprintf(target, MGM_CONFIG_PATH_MAX, "%s/%s", reader->folder, text)
                          : snprintf(target, MGM_CONFIG_PATH_MAX, "%s", text);
    return length < MGM_CONFIG_PATH_MAX ? MGM_OK : complain(reader, setting, key->name, "is too long");
}

/** One of some names, as its number. */
static enum mgm_status read_choice(const struct reader *reader, const config_setting_t *setting, const char *key,
                                   const char *const *names, int count, int *choice)
{
    const char *text = config_setting_get_string(setting);
    char what[128] = "must be ";
    size_t length = strlen(what);
    for (int i = 0; i < count; i++) {
        if (text && !strcmp(text, names[i])) {
            *choice = i;
            return MGM_OK;
        }
        length += (size_t)snprintf(what + length, sizeof what - length, "%s\"%s\"",
                                   i == 0           ? ""
                                   : i == count - 1 ? " or "
                                                    : ", ",
                                   names[i]);
    }
    return complain(reader, setting, key, what);
}

/** Of the keys whose values are names. */
static enum mgm_status read_named(const struct reader *reader, const config_setting_t *setting,
                                  const struct mgm_config_key *key)
{
    static const char *const precisions[] = {"f32", "bf16", "auto"}, *const recipes[] = {"own", "published"};
    static const char *const tasks[] = {
        [MGM_TASK_MATTING] = "matting", [MGM_TASK_FOREGROUND] = "foreground", [MGM_TASK_REFINEMENT] = "refinement"};
    struct mgm_train_config *config = reader->config;
    int choice = 0;
    switch (key->kind) {
    case PRECISION:
        TRY(read_choice(reader, setting, key->name, precisions, 3, &choice));
        config->precision = (enum mgm_precision_choice)choice;
        break;
    case TASK:
        TRY(read_choice(reader, setting, key->name, tasks, 3, &choice));
        config->samples.task = (enum mgm_task)choice;
        break;
    case RECIPE:
        TRY(read_choice(reader, setting, key->name, recipes, 2, &choice));
        config->samples.published = choice == 1;
        break;
    default:
        TRY(read_choice(reader, setting, key->name, mgm_head_fusion_names, MGM_HEAD_FUSION_COUNT, &choice));
        config->fusion = (enum mgm_head_fusion)choice;
    }
    return MGM_OK;
}

static enum mgm_status read_phase(const struct reader *reader, config_setting_t *group, struct mgm_crop_phase *phase)
{
    static const struct mgm_config_key until = {.name = "crops.until", .low = 0, .high = 1};
    static const struct mgm_config_key size = {.name = "crops.size", .low = 64, .high = 2048};
    static const struct mgm_config_key batch = {.name = "crops.batch", .low = 1, .high = 4096};
    bool seen[3] = {false};
    if (!config_setting_is_group(group))
        return complain(reader, group, "crops", "must be a list of groups: ( { until = …; size = …; batch = …; }, … )");
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(setting);
        const struct mgm_config_key *key = !strcmp(name, "until") ? &until : !strcmp(name, "size") ? &size : &batch;
        if (strcmp(name, key->name + strlen("crops.")) != 0)
            return complain(reader, setting, name, "is not a key of a crop phase (until, size, batch)");
        double value;
        TRY(read_number(reader, setting, key, key != &until, &value));
        seen[key == &until ? 0 : key == &size ? 1 : 2] = true;
        if (key == &until)
            phase->until = value;
        else
            *(key == &size ? &phase->size : &phase->batch) = (int)value;
    }
    return seen[0] && seen[1] && seen[2] ? MGM_OK : complain(reader, group, "crops", "needs until, size and batch");
}

static enum mgm_status read_phases(const struct reader *reader, const config_setting_t *list)
{
    int count = config_setting_is_list(list) ? config_setting_length(list) : 0;
    if (count < 1 || count > MGM_CROP_PHASES_MAX)
        return complain(reader, list, "crops",
                        "must be a list of 1 to 8 groups: ( { until = …; size = …; batch = …; }, … )");
    for (int i = 0; i < count; i++)
        TRY(read_phase(reader, config_setting_get_elem(list, (unsigned)i), &reader->config->phases[i]));
    reader->config->phase_count = count;
    return MGM_OK;
}

static enum mgm_status read_source_kind(const struct reader *reader, const config_setting_t *setting,
                                        struct mgm_source *source)
{
    int kind = 0;
    TRY(read_choice(reader, setting, "sources.kind", mgm_source_names, MGM_SOURCE_FOLDERS + 1, &kind));
    source->kind = (enum mgm_source_kind)kind;
    return MGM_OK;
}

static enum mgm_status read_source(const struct reader *reader, const config_setting_t *group, struct mgm_source *source)
{
    static const struct mgm_config_key weight = {.name = "sources.weight", .low = 1e-6, .high = 1e6};
    char *const base = (char *)reader->config;
    const struct mgm_config_key texts[] = {{"path", PATH, (size_t)(source->path - base), 1, 0, 0, true},
                                           {"only", PATH, (size_t)(source->only - base), 1, 0, 0, true},
                                           {"except", PATH, (size_t)(source->except - base), 1, 0, 0, true}};
    bool has_kind = false;
    *source = (struct mgm_source){.weight = 1};
    if (!config_setting_is_group(group))
        return complain(reader, group, "sources", "must be a list of groups: ( { kind = \"folders\"; path = …; }, … )");
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        const char *name = config_setting_name(setting);
        const struct mgm_config_key *text = NULL;
        for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
            text = !strcmp(name, texts[k].name) ? &texts[k] : text;
        if (text) {
            TRY(read_text(reader, setting, text));
        } else if (!strcmp(name, "weight")) {
            TRY(read_number(reader, setting, &weight, false, &source->weight));
        } else if (!strcmp(name, "kind")) {
            TRY(read_source_kind(reader, setting, source));
            has_kind = true;
        } else {
            return complain(reader, setting, name, "is not a key of a source (kind, path, weight, only, except)");
        }
    }
    return has_kind ? MGM_OK : complain(reader, group, "sources", "needs a kind");
}

static enum mgm_status read_sources(const struct reader *reader, const config_setting_t *list)
{
    const int count = config_setting_is_list(list) ? config_setting_length(list) : -1;
    if (count < 0 || count > MGM_SOURCES_MAX)
        return complain(reader, list, "sources", "must be a list of at most 8 groups: ( { kind = …; path = …; }, … )");
    for (int i = 0; i < count; i++)
        TRY(read_source(reader, config_setting_get_elem(list, (unsigned)i), &reader->config->sources[i]));
    reader->config->source_count = count;
    return MGM_OK;
}

static enum mgm_status read_value(const struct reader *reader, const config_setting_t *setting,
                                  const struct mgm_config_key *key)
{
    switch (key->kind) {
    case REAL:
    case INTEGER:
        return read_numbers(reader, setting, key);
    case WIDE:
        return read_wide(reader, setting, key);
    case TEXT:
    case PATH:
        return read_text(reader, setting, key);
    case TASK:
    case PRECISION:
    case RECIPE:
    case FUSION:
        return read_named(reader, setting, key);
    case PHASES:
        return read_phases(reader, setting);
    case SOURCES:
        return read_sources(reader, setting);
    default:
        return complain(reader, setting, key->name, "cannot be read");
    }
}

/** All settings of a group; `prefix` is the group's own name with a dot, or "". */
static enum mgm_status read_group(const struct reader *reader, const config_setting_t *group, const char *prefix)
{
    for (int i = 0; i < config_setting_length(group); i++) {
        const config_setting_t *setting = config_setting_get_elem(group, (unsigned)i);
        char name[128];
        const struct mgm_config_key *found = NULL;
        if (snprintf(name, sizeof name, "%s%s", prefix, config_setting_name(setting)) >= (int)sizeof name - 1)
            return complain(reader, setting, config_setting_name(setting), "is not a known key");
        for (int k = 0; k < mgm_config_key_count && !found; k++)
            found = !strcmp(name, mgm_config_keys[k].name) ? &mgm_config_keys[k] : NULL;
        if (found) {
            TRY(read_value(reader, setting, found));
        } else if (config_setting_is_group(setting)) {
            strcat(name, ".");
            TRY(read_group(reader, setting, name));
        } else {
            return complain(reader, setting, name, "is not a known key");
        }
    }
    return MGM_OK;
}

static enum mgm_status read_parsed(const struct reader *reader, config_t *parsed, int success)
{
    if (success)
        return read_group(reader, config_root_setting(parsed), "");
    const char *file = config_error_file(parsed);
    if (config_error_type(parsed) == CONFIG_ERR_FILE_IO)
        return mgm_fail(reader->ctx, MGM_E_IO, "cannot read %s", file ? file : reader->file);
    return mgm_fail(reader->ctx, MGM_E_FORMAT, "%s, line %d: %s", file ? file : reader->file, config_error_line(parsed),
                    config_error_text(parsed));
}

/* libconfig takes a time that grows with the square of the keys: minutes for a few megabytes of them. */
enum { MAX_FILE = 1 << 18 };

enum mgm_status mgm_train_config_read(struct mgm_context *ctx, const char *path, struct mgm_train_config *config)
{
    struct stat facts;
    if (stat(path, &facts) == 0 && facts.st_size > MAX_FILE)
        return mgm_fail(ctx, MGM_E_FORMAT, "%s: no configuration: it has %lld bytes, and %d are the most", path,
                        (long long)facts.st_size, MAX_FILE);
    const char *slash = strrchr(path, '/');
    char *folder = mgm_strdup(slash ? path : ".");
    if (!folder)
        return mgm_fail_nomem(ctx, "a configuration");
    if (slash)
        folder[slash == path ? 1 : slash - path] = '\0';
    config_t parsed;
    config_init(&parsed);
    config_set_include_dir(&parsed, folder);
    const struct reader reader = {ctx, path, folder, config};
    enum mgm_status status = read_parsed(&reader, &parsed, config_read_file(&parsed, path));
    config_destroy(&parsed);
    mgm_free(folder);
    return status;
}

enum mgm_status mgm_train_config_parse(struct mgm_context *ctx, const char *name, const char *text,
                                       struct mgm_train_config *config)
{
    config_t parsed;
    config_init(&parsed);
    const struct reader reader = {ctx, name, NULL, config};
    enum mgm_status status = read_parsed(&reader, &parsed, config_read_string(&parsed, text));
    config_destroy(&parsed);
    return status;
}

/** "a.b" and a value as the text of nested groups; false if it does not fit. */
static bool nest_assignment(const char *key, const char *value, char *text, size_t size)
{
    size_t used = 0;
    int depth = 0;
    while (true) {
        size_t length = strcspn(key, ".");
        bool leaf = key[length] == '\0';
        int written = snprintf(text + used, size - used, leaf ? "%.*s = " : "%.*s : { ", (int)length, key);
        used += (size_t)written;
        if (used >= size)
            return false;
        if (leaf)
            break;
        key += length + 1;
        depth++;
    }
    used += (size_t)snprintf(text + used, size - used, "%s;", value);
    for (; depth > 0 && used < size; depth--)
        used += (size_t)snprintf(text + used, size - used, " };");
    return used < size;
}

static bool is_valid(const char *text)
{
    config_t parsed;
    config_init(&parsed);
    bool valid = config_read_string(&parsed, text);
    config_destroy(&parsed);
    return valid;
}

enum mgm_status mgm_train_config_set(struct mgm_context *ctx, const char *assignment, struct mgm_train_config *config)
{
    const char *equals = strchr(assignment, '=');
    char key[128], value[MGM_CONFIG_PATH_MAX + 2], text[2 * MGM_CONFIG_PATH_MAX], name[160];
    size_t key_length = equals ? (size_t)(equals - assignment) : 0;
    if (key_length == 0 || key_length >= sizeof key || strlen(equals + 1) >= MGM_CONFIG_PATH_MAX)
        return mgm_fail(ctx, MGM_E_INVALID, "--set %.60s: expected key=value", assignment);
    snprintf(key, sizeof key, "%.*s", (int)key_length, assignment);
    snprintf(name, sizeof name, "--set %s", key);
    bool fits = nest_assignment(key, equals + 1, text, sizeof text);
    if (!fits || !is_valid(text)) {
        snprintf(value, sizeof value, "\"%s\"", equals + 1);
        if (strpbrk(equals + 1, "\"\\") || !nest_assignment(key, value, text, sizeof text) || !is_valid(text))
            return mgm_fail(ctx, MGM_E_INVALID, "%s: cannot read the value \"%.60s\"", name, equals + 1);
    }
    return mgm_train_config_parse(ctx, name, text, config);
}
