/** mgm blend: composites with known foreground colours, for scoring what finds them. */
#include "command.h"
#include "folder.h"
#include "image_file.h"

#include "base/memory.h"
#include "train/composite.h"
#include "train/plane.h"

#include <stdio.h>
#include <string.h>

enum { LARGEST = 2048, STORE_SIZE = 64 };

struct values {
    const char *data, *output, *mattes;
    int count, first, size;
    uint64_t seed;
};

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "DIR",
     "gets the folders photo, alpha, fg and bg; made if need be", .required = true, .takes = TAKES_FOLDER},
    {"data", 0, OPTION_TEXT, offsetof(struct values, data), "DATA", "folder with photos/, strands/, …", .required = true,
     .takes = TAKES_FOLDER},
    {"mattes", 0, OPTION_TEXT, offsetof(struct values, mattes), "DIR", "true mattes to take in turn, instead of drawn ones",
     .takes = TAKES_FOLDER},
    {"count", 0, OPTION_INT, offsetof(struct values, count), "N", "how many (100)", .low = 1, .high = 9999},
    {"first", 0, OPTION_INT, offsetof(struct values, first), "N", "number of the first one (0)", .low = 0, .high = 9999},
    {"size", 0, OPTION_INT, offsetof(struct values, size), "PIXELS", "height and width of drawn mattes (512)", .low = 64,
     .high = LARGEST},
    {"seed", 0, OPTION_SEED, offsetof(struct values, seed), "S", "which series (20210619)"},
    {0},
};

static const struct command_example examples[] = {
    {"Composites to score colours on:", "mgm blend --data data --count 2 --size 96 -o blends"},
    {"The same along real mattes:", "mgm blend --data data --mattes truth --count 2 -o blends"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_blend = {
    .name = "blend",
    .summary = "composites with known colours, to score on",
    .synopsis = "--data DATA -o DIR [options]",
    .details = "Foreground and background are crops of photographs that training never sees (see docs/data.md), drawn\n"
               "independently of each other and of the matte, so the true foreground is known everywhere (random\n"
               "alpha blending). Drawn mattes are of a series of their own. Names are numbers; everything is 8 bit.",
    .options = options,
    .examples = examples,
    .min_operands = 0,
    .max_operands = 0,
    .run = run,
};

struct blender {
    struct mgm_context *ctx;
    const struct values *values;
    struct mgm_synth_library *library;
    struct mgm_foreground_store *store; /* only for its photographs */
    struct folder mattes;
};

/** The matte of composite number `number`. */
static enum mgm_status choose_matte(struct blender *b, int number, struct mgm_bitmap *out)
{
    struct mgm_foreground drawn = {0};
    if (b->mattes.count)
        return image_file_read(b->ctx, b->mattes.entries[number % b->mattes.count].path, 1, out);
    TRY(mgm_synth_draw(b->ctx, b->library, b->values->seed, (uint64_t)number, MGM_SYNTH_KIND_COUNT, b->values->size,
                       &drawn));
    *out = drawn.alpha;
    drawn.alpha = (struct mgm_bitmap){0};
    mgm_foreground_release(&drawn);
    return MGM_OK;
}

/** The upper left part, of a bitmap's size, of a square crop of a held-out photograph. */
static enum mgm_status draw_photo(struct blender *b, struct mgm_random *random, int width, int height,
                                  struct mgm_bitmap *out)
{
    const int side = width > height ? width : height;
    const size_t plane = (size_t)side * (size_t)side;
    *out = (struct mgm_bitmap){0};
    float *planes = mgm_alloc(3 * plane + mgm_plane_scratch(side), sizeof *planes);
    enum mgm_status status =
        planes ? mgm_bitmap_create(b->ctx, width, height, 3, out) : mgm_fail_nomem(b->ctx, "a composite");
    int which;
    if (status == MGM_OK)
        status =
            mgm_draw_background(b->ctx, random, b->store, MGM_SHARE_VALIDATION, side, planes, planes + 3 * plane, &which);
    for (int y = 0; y < height && status == MGM_OK; y++)
        for (int x = 0; x < width; x++)
            for (size_t c = 0; c < 3; c++)
                out->data[3 * ((size_t)y * (size_t)width + (size_t)x) + c] =
                    (uint8_t)(planes[c * plane + (size_t)y * (size_t)side + (size_t)x] * 255 + 0.5f);
    mgm_free(planes);
    return status;
}

static enum mgm_status write_part(struct blender *b, const char *part, int number, const struct mgm_bitmap *picture)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", b->values->output, part) >= (int)sizeof path - 16)
        return mgm_fail(b->ctx, MGM_E_INVALID, "this path is too long: %.100s…", b->values->output);
    TRY(folder_make(b->ctx, path));
    snprintf(path + strlen(path), 16, "/%04d.png", number);
    return image_file_write(b->ctx, path, picture);
}

static enum mgm_status blend_one(struct blender *b, int number)
{
    struct mgm_random random = mgm_random_stream(b->values->seed, (uint64_t)number);
    struct mgm_bitmap alpha = {0}, fg = {0}, bg = {0}, photo = {0};
    enum mgm_status status = choose_matte(b, number, &alpha);
    if (status == MGM_OK && (alpha.width > LARGEST || alpha.height > LARGEST))
        status = mgm_fail(b->ctx, MGM_E_UNSUPPORTED, "matte number %d is %d×%d pixels, %d on a side are the most", number,
                          alpha.width, alpha.height, LARGEST);
    if (status == MGM_OK)
        status = draw_photo(b, &random, alpha.width, alpha.height, &fg);
    if (status == MGM_OK)
        status = draw_photo(b, &random, alpha.width, alpha.height, &bg);
    if (status == MGM_OK)
        status = mgm_bitmap_create(b->ctx, alpha.width, alpha.height, 3, &photo);
    for (size_t i = 0; status == MGM_OK && i < 3 * (size_t)alpha.width * (size_t)alpha.height; i++) {
        const int a = alpha.data[i / 3];
        photo.data[i] = (uint8_t)((a * fg.data[i] + (255 - a) * bg.data[i] + 127) / 255);
    }
    const struct mgm_bitmap *const pictures[] = {&photo, &alpha, &fg, &bg};
    static const char *const parts[] = {"photo", "alpha", "fg", "bg"};
    for (int i = 0; i < 4 && status == MGM_OK; i++)
        status = write_part(b, parts[i], number, pictures[i]);
    mgm_bitmap_release(&alpha);
    mgm_bitmap_release(&fg);
    mgm_bitmap_release(&bg);
    mgm_bitmap_release(&photo);
    return status;
}

static enum mgm_status blend(struct blender *b)
{
    const struct values *values = b->values;
    if (values->mattes)
        TRY(folder_list(b->ctx, values->mattes, &b->mattes));
    TRY(mgm_synth_library_load(b->ctx, values->data, image_file_read, &b->library));
    TRY(mgm_foreground_store_create(b->ctx, b->library, values->seed, 1, STORE_SIZE, NULL, 1, &b->store));
    TRY(folder_make(b->ctx, values->output));
    for (int i = 0; i < values->count; i++)
        TRY(blend_one(b, values->first + i));
    return MGM_OK;
}

static int run(int argc, char **argv)
{
    struct values values = {.count = 100, .size = 512, .seed = 20210619};
    struct operands operands;
    struct blender blender = {.values = &values};
    int outcome = command_parse(&cmd_blend, argc, argv, &values, &operands);
    if (outcome != COMMAND_GO_ON)
        return outcome;
    enum mgm_status status = mgm_context_create(&blender.ctx);
    if (status == MGM_OK)
        status = blend(&blender);
    outcome = status == MGM_OK ? STATUS_OK : command_failed(&cmd_blend, "%s", mgm_context_error(blender.ctx));
    mgm_foreground_store_destroy(&blender.store);
    mgm_synth_library_destroy(&blender.library);
    folder_release(&blender.mattes);
    mgm_context_destroy(&blender.ctx);
    return outcome;
}
