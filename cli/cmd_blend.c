/** mgm blend: composites whose mattes, or foreground colours too, are known, for scoring what finds them. */
#include "command.h"
#include "folder.h"
#include "image_file.h"

#include "base/memory.h"
#include "train/composite.h"
#include "train/plane.h"

#include <stdio.h>
#include <string.h>

enum { LARGEST = 2048, STORE_SIZE = 64, TRIES = 20 };

struct values {
    const char *data, *output, *mattes, *kind;
    bool drawn;
    int count, first, size;
    uint64_t seed;
};

static const struct command_option options[] = {
    {"output", 'o', OPTION_TEXT, offsetof(struct values, output), "DIR",
     "gets the folders photo, alpha, fg and bg, or image, alpha and mask; made if need be", .required = true,
     .takes = TAKES_FOLDER},
    {"data", 0, OPTION_TEXT, offsetof(struct values, data), "DATA", "folder with photos/, strands/, …", .required = true,
     .takes = TAKES_FOLDER},
    {"mattes", 0, OPTION_TEXT, offsetof(struct values, mattes), "DIR", "true mattes to take in turn, instead of drawn ones",
     .takes = TAKES_FOLDER},
    {"drawn", 0, OPTION_FLAG, offsetof(struct values, drawn), NULL,
     "composites with drawn foregrounds' own colours and rough masks, as training makes them"},
    {"kind", 0, OPTION_CHOICE, offsetof(struct values, kind), "KIND", "with --drawn, only this kind of foreground",
     .choices = mgm_synth_kind_names},
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
    {"A benchmark for mgm eval --protocol folders:",
     "mgm blend --drawn --kind hair --data data --count 2 --size 96 -o drawn"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_blend = {
    .name = "blend",
    .summary = "composites with known mattes and colours, to score on",
    .synopsis = "--data DATA -o DIR [options]",
    .details = "Foreground and background are crops of photographs that training never sees (see docs/data.md), drawn\n"
               "independently of each other and of the matte, so the true foreground is known everywhere (random\n"
               "alpha blending). Drawn mattes are of a series of their own. Names are numbers; everything is 8 bit.\n"
               "\n"
               "With --drawn, composites are made as training makes them (one foreground each, a rough mask, what a camera\n"
               "adds), but of held-out photographs, strands, cards, particles and objects alone, of a series of their own.",
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
    enum mgm_synth_kind kind; /* of --drawn; MGM_SYNTH_KIND_COUNT: any */
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
            mgm_draw_background(b->ctx, random, b->store, MGM_SHARE_VALIDATION, side, 0, planes, planes + 3 * plane, &which);
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

/** [channels, size, size] as a picture of a part. */
static enum mgm_status write_planes(struct blender *b, const char *part, int number, const float *planes, int channels)
{
    const size_t size = (size_t)b->values->size, plane = size * size;
    struct mgm_bitmap picture;
    TRY(mgm_bitmap_create(b->ctx, b->values->size, b->values->size, channels, &picture));
    for (size_t i = 0; i < plane * (size_t)channels; i++)
        picture.data[i] = (uint8_t)(planes[i % (size_t)channels * plane + i / (size_t)channels] * 255 + 0.5f);
    const enum mgm_status status = write_part(b, part, number, &picture);
    mgm_bitmap_release(&picture);
    return status;
}

/** What drawn composites are like, whatever training has come to: sets drawn at any time can be compared. */
static const struct mgm_sample_settings drawn = {
    .task = MGM_TASK_MATTING,
    .guidance = {.coarse_share = 0.3, .cutmask = 0.1, .blobs = 0.2, .kernel_max = 30},
    .camera = {.noise = 0.5, .blur = 0.4, .jpeg = 0.4, .halo = 0.25},
    .light = {.relief = 0.5, .harmony = 0.3, .shadow = 0.2, .spill = 0.4},
    .distractor = 0.1,
};

/** A sample of a foreground of its own. @return MGM_E_INVALID if nothing can be learnt from any crop of it */
static enum mgm_status draw_sample(struct blender *b, int number, int attempt, struct mgm_batch *batch)
{
    const int size = b->values->size, larger = (size + size / 2 + 3) / 4 * 4;
    const struct mgm_foreground_store_settings settings = {
        .seed = b->values->seed + 1 + (uint64_t)number + (uint64_t)attempt * 10000,
        .count = 1,
        .size = larger < LARGEST ? larger : LARGEST, /* so that crops are not mostly enlarged */
        .threads = 1,
        .undivided = true,
        .kind = b->kind == MGM_SYNTH_KIND_COUNT ? NULL : &b->kind};
    struct mgm_foreground_store *store = NULL;
    TRY(mgm_foreground_store_open(b->ctx, b->library, &settings, &store));
    const enum mgm_status status = mgm_sample_make(b->ctx, store, &drawn, b->values->seed, (uint64_t)number, batch, 0);
    mgm_foreground_store_destroy(&store);
    return status;
}

static enum mgm_status blend_drawn(struct blender *b, int number)
{
    struct mgm_batch batch;
    TRY(mgm_batch_create(b->ctx, 1, b->values->size, &batch));
    enum mgm_status status = MGM_E_INVALID;
    for (int attempt = 0; attempt < TRIES && status == MGM_E_INVALID; attempt++)
        status = draw_sample(b, number, attempt, &batch);
    if (status == MGM_OK)
        status = write_planes(b, "image", number, batch.image, 3);
    if (status == MGM_OK)
        status = write_planes(b, "alpha", number, batch.alpha, 1);
    if (status == MGM_OK)
        status = write_planes(b, "mask", number, batch.guidance, 1);
    mgm_batch_release(&batch);
    return status;
}

static enum mgm_status blend(struct blender *b)
{
    const struct values *values = b->values;
    if (values->drawn) {
        TRY(mgm_synth_library_load_part(b->ctx, values->data, MGM_SYNTH_HELD_OUT, image_file_read, &b->library));
        TRY(folder_make(b->ctx, values->output));
        for (int i = 0; i < values->count; i++)
            TRY(blend_drawn(b, values->first + i));
        return MGM_OK;
    }
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
    if (values.kind && !values.drawn)
        return command_misused(&cmd_blend, "--kind is for --drawn");
    if (values.drawn && values.mattes)
        return command_misused(&cmd_blend, "either --drawn or --mattes");
    while (blender.kind < MGM_SYNTH_KIND_COUNT &&
           (!values.kind || strcmp(values.kind, mgm_synth_kind_names[blender.kind]) != 0))
        blender.kind++;
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
