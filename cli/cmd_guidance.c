/** mgm guidance: makes rough masks and trimaps from true mattes, as benchmarks do. */
#include "command.h"
#include "folder.h"
#include "image_file.h"

#include "base/memory.h"
#include "eval/derive.h"

#include <glib.h>
#include <limits.h>

struct values {
    const char *output, *kind, *trimap;
};

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "DIR", "where the guidance goes", .required = true,
     .takes = TAKES_FOLDER},
    {"kind", 0, OPTION_TEXT, offsetof(struct values, kind), "KIND", "coarse16, eroded10, dilated10, dilated20, trimap, …",
     .required = true, .takes = TAKES_ANYTHING},
    {"trimap", 0, OPTION_TEXT, offsetof(struct values, trimap), "DIR", "trimaps, for --kind trimap", .takes = TAKES_FOLDER},
    {0},
};

static const struct command_example examples[] = {
    {"Make masks as coarse as a sixteenth of the resolution:", "mgm guidance truth/*.png -o masks --kind coarse16"},
    {"Make trimaps, where what is not known is made wider:", "mgm guidance truth/*.png -o trimaps --kind trimap"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_guidance = {
    .name = "guidance",
    .summary = "makes rough masks and trimaps from true mattes",
    .synopsis = "ALPHA… -o DIR --kind KIND [--trimap DIR]",
    .details = "Writes DIR/NAME.png for every matte NAME.*:\n"
               "  coarseN   averaged N times down and interpolated up again, set where that is at least 0.5\n"
               "  erodedN   alpha >= 0.5, eroded by the ellipse of size N\n"
               "  dilatedN  alpha >= 0.5, dilated by the ellipse of size N\n"
               "  trimap    the trimap of the same name with 0, 128 and 255 alone; without --trimap, what is\n"
               "            neither 0 nor 1, dilated by 20, is unknown\n"
               "A colon may stand before N.",
    .options = options,
    .examples = examples,
    .min_operands = 1,
    .max_operands = INT_MAX,
    .run = run,
};

static enum mgm_status write_guidance(struct mgm_context *ctx, const char *folder, const char *name, const char *alpha_path,
                                      const char *trimap_path, const struct mgm_bitmap *guidance)
{
    char *path = folder_path_of(folder, name, ".png");
    if (!path)
        return mgm_fail_nomem(ctx, "a path");
    enum mgm_status status = image_file_check_apart(ctx, path, alpha_path);
    if (status == MGM_OK && trimap_path)
        status = image_file_check_apart(ctx, path, trimap_path);
    if (status == MGM_OK)
        status = image_file_write(ctx, path, guidance);
    mgm_free(path);
    return status;
}

static enum mgm_status derive_named(struct mgm_context *ctx, const struct values *values, struct mgm_derivation derivation,
                                    const struct folder *trimaps, const char *alpha_path, const char *name)
{
    struct mgm_bitmap alpha = {0}, trimap = {0}, guidance = {0};
    const char *trimap_path = NULL;
    if (trimaps)
        TRY(folder_find(ctx, trimaps, name, &trimap_path));
    enum mgm_status status = image_file_read(ctx, alpha_path, 1, &alpha);
    if (status == MGM_OK && trimap_path)
        status = image_file_read(ctx, trimap_path, 1, &trimap);
    if (status == MGM_OK && trimap_path && (trimap.width != alpha.width || trimap.height != alpha.height))
        status = mgm_fail(ctx, MGM_E_SHAPE, "%s has %d × %d pixels, but %s has %d × %d", trimap_path, trimap.width,
                          trimap.height, alpha_path, alpha.width, alpha.height);
    if (status == MGM_OK)
        status = mgm_derive_guidance(ctx, derivation, &alpha, trimap_path ? &trimap : NULL, &guidance);
    if (status == MGM_OK)
        status = write_guidance(ctx, values->output, name, alpha_path, trimap_path, &guidance);
    mgm_bitmap_release(&alpha);
    mgm_bitmap_release(&trimap);
    mgm_bitmap_release(&guidance);
    return status;
}

/** Mattes of the same name would become the same file: none is begun with. */
static enum mgm_status find_collisions(struct mgm_context *ctx, const struct operands *operands)
{
    GHashTable *seen = g_hash_table_new_full(g_str_hash, g_str_equal, (GDestroyNotify)mgm_free, NULL);
    enum mgm_status status = MGM_OK;
    for (int i = 0; status == MGM_OK && i < operands->count; i++) {
        char *name = folder_name_of(operands->values[i]);
        const char *other = name ? g_hash_table_lookup(seen, name) : NULL;
        if (!name)
            status = mgm_fail_nomem(ctx, "a name");
        else if (other)
            status = mgm_fail(ctx, MGM_E_INVALID, "%s and %s would both become %s.png", other, operands->values[i], name);
        if (status == MGM_OK)
            g_hash_table_insert(seen, name, operands->values[i]);
        else
            mgm_free(name);
    }
    g_hash_table_destroy(seen);
    return status;
}

static enum mgm_status derive_all(struct mgm_context *ctx, const struct values *values, struct mgm_derivation derivation,
                                  const struct operands *operands)
{
    struct folder trimaps = {0};
    TRY(find_collisions(ctx, operands));
    TRY(folder_make(ctx, values->output));
    if (values->trimap)
        TRY(folder_list(ctx, values->trimap, &trimaps));
    enum mgm_status status = MGM_OK;
    for (int i = 0; status == MGM_OK && i < operands->count; i++) {
        char *name = folder_name_of(operands->values[i]);
        status = name ? derive_named(ctx, values, derivation, values->trimap ? &trimaps : NULL, operands->values[i], name)
                      : mgm_fail_nomem(ctx, "a name");
        mgm_free(name);
    }
    folder_release(&trimaps);
    return status;
}

static int run(int argc, char **argv)
{
    struct values values = {0};
    struct operands operands;
    struct mgm_derivation derivation;
    struct mgm_context *ctx = NULL;
    int outcome = command_parse(&cmd_guidance, argc, argv, &values, &operands);
    if (outcome != COMMAND_GO_ON)
        return outcome;
    if (!mgm_derivation_parse(values.kind, &derivation))
        return command_misused(&cmd_guidance, "there is no kind of guidance '%s'", values.kind);
    if (values.trimap && derivation.kind != MGM_DERIVE_TRIMAP)
        return command_misused(&cmd_guidance, "--trimap belongs to --kind trimap, not to '%s'", values.kind);
    enum mgm_status status = mgm_context_create(&ctx);
    if (status == MGM_OK)
        status = derive_all(ctx, &values, derivation, &operands);
    outcome = status == MGM_OK ? STATUS_OK : command_failed(&cmd_guidance, "%s", mgm_context_error(ctx));
    mgm_context_destroy(&ctx);
    return outcome;
}
