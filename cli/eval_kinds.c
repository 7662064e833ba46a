#include "eval_kinds.h"

#include "base/memory.h"

#include <string.h>

static bool is_there(const struct eval_run *run, const struct mgm_protocol_guidance *guidance)
{
    if (guidance->source == MGM_FROM_TRIMAP)
        return run->cases.trimaps || run->protocol->trimap_size > 0;
    return guidance->source != MGM_FROM_MASK || run->cases.masks;
}

static bool is_wanted(const char *name, const char *const *chosen)
{
    if (!chosen[0])
        return true;
    for (; *chosen; chosen++)
        if (!strcmp(*chosen, name))
            return true;
    return false;
}

static struct eval_kind *find(struct eval_run *run, const char *name)
{
    for (int i = 0; i < run->kind_count; i++)
        if (!strcmp(run->kinds[i].name, name))
            return &run->kinds[i];
    return NULL;
}

static enum mgm_status add(struct mgm_context *ctx, struct eval_run *run, const struct mgm_protocol_guidance *guidance)
{
    if (run->kind_count == EVAL_KINDS_MAX)
        return mgm_fail(ctx, MGM_E_INVALID, "more than %d kinds of guidance", EVAL_KINDS_MAX);
    if (find(run, guidance->name))
        return mgm_fail(ctx, MGM_E_INVALID, "two kinds of guidance are called %s: name one otherwise, NAME=FOLDER",
                        guidance->name);
    struct eval_kind *kind = &run->kinds[run->kind_count++];
    *kind = (struct eval_kind){.guidance = *guidance, .name = mgm_strdup(guidance->name)};
    kind->guidance.name = kind->name;
    return kind->name ? MGM_OK : mgm_fail_nomem(ctx, "a kind of guidance");
}

/** "NAME=FOLDER" or "FOLDER", which is then called by its last part. */
static enum mgm_status add_mattes(struct mgm_context *ctx, struct eval_run *run, const char *text)
{
    const char *equals = strchr(text, '='), *path = equals ? equals + 1 : text;
    size_t end = equals ? (size_t)(equals - text) : strlen(text), begin = 0;
    while (!equals && end > 0 && text[end - 1] == '/')
        end--;
    for (size_t i = 0; !equals && i < end; i++)
        begin = text[i] == '/' ? i + 1 : begin;
    char name[128] = "";
    if (end > begin && end - begin < sizeof name)
        memcpy(name, text + begin, end - begin);
    if (!name[0] || name[0] == '.' || strchr(name, '/'))
        return mgm_fail(ctx, MGM_E_INVALID, "mattes to be refined: expected NAME=FOLDER, not '%s'", text);
    const struct mgm_protocol_guidance guidance = {name, MGM_FROM_MATTES, MGM_GUIDANCE_ALPHA, {0}};
    TRY(add(ctx, run, &guidance));
    struct eval_kind *kind = &run->kinds[run->kind_count - 1];
    kind->path = mgm_strdup(path);
    return kind->path ? folder_list(ctx, kind->path, &kind->mattes) : mgm_fail_nomem(ctx, "a kind of guidance");
}

static enum mgm_status check_chosen(struct mgm_context *ctx, struct eval_run *run, const char *const *chosen)
{
    char list[512] = "";
    for (int i = 0; i < mgm_protocol_guidance_count(run->protocol); i++) {
        const struct mgm_protocol_guidance *guidance = &run->protocol->guidances[i];
        if (is_there(run, guidance)) {
            strcat(list, list[0] ? ", " : "");
            strcat(list, guidance->name);
        }
    }
    for (; *chosen; chosen++)
        if (!find(run, *chosen))
            return mgm_fail(ctx, MGM_E_INVALID, "there is no guidance %s here; there are: %s", *chosen, list);
    return MGM_OK;
}

enum mgm_status eval_kinds_choose(struct mgm_context *ctx, struct eval_run *run, const char *const *chosen,
                                  const char *const *mattes)
{
    for (const char *const *text = mattes; *text; text++)
        TRY(add_mattes(ctx, run, *text));
    for (int i = 0; i < mgm_protocol_guidance_count(run->protocol); i++) {
        const struct mgm_protocol_guidance *guidance = &run->protocol->guidances[i];
        if (is_there(run, guidance) && is_wanted(guidance->name, chosen) && (chosen[0] || !mattes[0]))
            TRY(add(ctx, run, guidance));
    }
    TRY(check_chosen(ctx, run, chosen));
    return run->kind_count ? MGM_OK : mgm_fail(ctx, MGM_E_INVALID, "there is no guidance to run");
}

void eval_kinds_release(struct eval_run *run)
{
    for (int i = 0; i < run->kind_count; i++) {
        mgm_free(run->kinds[i].name);
        mgm_free(run->kinds[i].path);
        folder_release(&run->kinds[i].mattes);
    }
    run->kind_count = 0;
}
