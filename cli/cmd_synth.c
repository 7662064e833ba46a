/** mgm synth: draws foregrounds to files, for a person to judge what the training will see. */
#include "command.h"
#include "image_file.h"
#include "report.h"

#include "base/random.h"
#include "synth/synth.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { TILE = 256, ACROSS = 8, PATH_SIZE = 4096 };

struct values {
    uint64_t seed;
    int count, size;
    const char *kind, *data;
    bool backdrop, sheet;
};

static const struct command_option options[] = {
    {"seed", 0, OPTION_SEED, offsetof(struct values, seed), "S", "which series (1)"},
    {"count", 0, OPTION_INT, offsetof(struct values, count), "N", "how many of it, from number 0 on (1)", .low = 1,
     .high = 9999},
    {"size", 0, OPTION_INT, offsetof(struct values, size), "PIXELS", "height and width (512)", .low = 64, .high = 2048},
    {"kind", 0, OPTION_CHOICE, offsetof(struct values, kind), "KIND", "only this kind", .choices = mgm_synth_kind_names},
    {"data", 0, OPTION_TEXT, offsetof(struct values, data), "DATA", "folder with photos/, strands/, …", .required = true,
     .takes = TAKES_FOLDER},
    {"backdrop", 0, OPTION_FLAG, offsetof(struct values, backdrop), NULL,
     "previews over a drawn background, not a photograph"},
    {"sheet", 0, OPTION_FLAG, offsetof(struct values, sheet), NULL, "also write sheet.png: all previews and mattes"},
    {0},
};

static const struct command_example examples[] = {
    {"Draw eight foregrounds of any kind, and a sheet that shows them all:",
     "mgm synth --data data --count 8 --sheet drawn"},
    {"Draw hair in another size, from another series:", "mgm synth --data data --kind hair --size 256 --seed 7 drawn"},
    {0},
};

static int run(int argc, char **argv);

const struct command cmd_synth = {
    .name = "synth",
    .summary = "draws foregrounds with exact mattes, as training does",
    .synopsis = "--data DATA [options] DIR",
    .details = "Writes NNNN_fg.png (colour, continued beyond the matte), NNNN_alpha.png and NNNN_preview.png (over a\n"
               "photograph) into DIR.",
    .options = options,
    .examples = examples,
    .min_operands = 1,
    .max_operands = 1,
    .takes = TAKES_FOLDER,
    .run = run,
};

/** @param name  one of the kinds; NULL: any kind, which is MGM_SYNTH_KIND_COUNT */
static enum mgm_synth_kind kind_from_name(const char *name)
{
    int kind = 0;
    while (kind < MGM_SYNTH_KIND_COUNT && (!name || strcmp(name, mgm_synth_kind_names[kind]) != 0))
        kind++;
    return (enum mgm_synth_kind)kind;
}

/** A square from the middle of one of the photographs. */
static enum mgm_status photo_behind(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                    const struct values *values, int number, struct mgm_bitmap *out)
{
    struct mgm_random random = mgm_random_stream(values->seed ^ 0x70686f746fu, (uint64_t)number);
    const struct mgm_bitmap *photo =
        mgm_synth_library_photo(library, mgm_random_int(&random, 0, mgm_synth_library_photo_count(library) - 1));
    int size = values->size, square = photo->width < photo->height ? photo->width : photo->height;
    int left = (photo->width - square) / 2, top = (photo->height - square) / 2;
    TRY(mgm_bitmap_create(ctx, size, size, 3, out));
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            size_t px = (size_t)(left + x * square / size), py = (size_t)(top + y * square / size);
            memcpy(out->data + ((size_t)y * (size_t)size + (size_t)x) * 3,
                   photo->data + (py * (size_t)photo->width + px) * 3, 3);
        }
    return MGM_OK;
}

/** Puts the foreground over what is in `picture`. */
static void compose(const struct mgm_foreground *fg, struct mgm_bitmap *picture)
{
    size_t count = (size_t)fg->alpha.width * (size_t)fg->alpha.height;
    for (size_t i = 0; i < 3 * count; i++) {
        int alpha = fg->alpha.data[i / 3];
        picture->data[i] = (uint8_t)((alpha * fg->colour.data[i] + (255 - alpha) * picture->data[i] + 127) / 255);
    }
}

static enum mgm_status write_one(struct mgm_context *ctx, const char *folder, int number, const char *what,
                                 const struct mgm_bitmap *picture)
{
    char path[PATH_SIZE];
    if (snprintf(path, sizeof path, "%s/%04d_%s.png", folder, number, what) >= (int)sizeof path)
        return mgm_fail(ctx, MGM_E_INVALID, "this path is too long: %.100s…", folder);
    return image_file_write(ctx, path, picture);
}

/** Puts a picture, averaged down to the tile, at (column, row) of the sheet. */
static void add_to_sheet(struct mgm_bitmap *sheet, int column, int row, const struct mgm_bitmap *picture)
{
    for (int y = 0; y < TILE; y++) {
        for (int x = 0; x < TILE; x++) {
            int x0 = x * picture->width / TILE, x1 = (x + 1) * picture->width / TILE;
            int y0 = y * picture->height / TILE, y1 = (y + 1) * picture->height / TILE;
            uint8_t *d = sheet->data + ((size_t)(row * TILE + y) * (size_t)sheet->width + (size_t)(column * TILE + x)) * 3;
            for (int k = 0; k < 3; k++) {
                int sum = 0, count = 0, channel = picture->channels == 3 ? k : 0;
                for (int j = y0; j < y1 || j == y0; j++)
                    for (int i = x0; i < x1 || i == x0; i++, count++)
                        sum += picture->data[((size_t)j * (size_t)picture->width + (size_t)i) * (size_t)picture->channels +
                                             (size_t)channel];
                d[k] = (uint8_t)(sum / count);
            }
        }
    }
}

static enum mgm_status draw_one(struct mgm_context *ctx, const struct mgm_synth_library *library,
                                const struct values *values, enum mgm_synth_kind kind, const char *folder, int number,
                                struct mgm_bitmap *sheet)
{
    struct mgm_foreground fg = {0};
    struct mgm_bitmap preview = {0};
    enum mgm_status status;
    if ((status = mgm_synth_draw(ctx, library, values->seed, (uint64_t)number, kind, values->size, &fg)) != MGM_OK ||
        (status = values->backdrop ? mgm_synth_backdrop(ctx, library, values->seed, (uint64_t)number, values->size, &preview)
                                   : photo_behind(ctx, library, values, number, &preview)) != MGM_OK)
        goto done;
    compose(&fg, &preview);
    if ((status = write_one(ctx, folder, number, "fg", &fg.colour)) != MGM_OK ||
        (status = write_one(ctx, folder, number, "alpha", &fg.alpha)) != MGM_OK ||
        (status = write_one(ctx, folder, number, "preview", &preview)) != MGM_OK)
        goto done;
    printf("%04d %s\n", number, mgm_synth_kind_names[fg.kind]);
    if (sheet->data) {
        int column = 2 * (number % (ACROSS / 2)), row = number / (ACROSS / 2);
        add_to_sheet(sheet, column, row, &preview);
        add_to_sheet(sheet, column + 1, row, &fg.alpha);
    }
done:
    mgm_bitmap_release(&preview);
    mgm_foreground_release(&fg);
    return status;
}

static enum mgm_status synth(struct mgm_context *ctx, const struct values *values, enum mgm_synth_kind kind,
                             const char *folder)
{
    struct mgm_synth_library *library = NULL;
    struct mgm_bitmap sheet = {0};
    enum mgm_status status;
    if ((status = mgm_synth_library_load(ctx, values->data, image_file_read, &library)) != MGM_OK)
        goto done;
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        status = mgm_fail(ctx, MGM_E_IO, "%s: cannot be made: %s", folder, strerror(errno));
        goto done;
    }
    if (values->sheet) {
        int rows = (values->count + ACROSS / 2 - 1) / (ACROSS / 2);
        if ((status = mgm_bitmap_create(ctx, ACROSS * TILE, rows * TILE, 3, &sheet)) != MGM_OK)
            goto done;
        memset(sheet.data, 0, (size_t)sheet.width * (size_t)sheet.height * 3);
    }
    for (int i = 0; i < values->count && status == MGM_OK; i++)
        status = draw_one(ctx, library, values, kind, folder, i, &sheet);
    if (status == MGM_OK && sheet.data) {
        char path[PATH_SIZE];
        snprintf(path, sizeof path, "%s/sheet.png", folder);
        status = image_file_write(ctx, path, &sheet);
    }
done:
    mgm_bitmap_release(&sheet);
    mgm_synth_library_destroy(&library);
    return status;
}

static int run(int argc, char **argv)
{
    struct values values = {.seed = 1, .count = 1, .size = 512};
    struct operands operands;
    int parsed = command_parse(&cmd_synth, argc, argv, &values, &operands);
    if (parsed != COMMAND_GO_ON)
        return parsed;
    struct mgm_context *ctx = NULL;
    enum mgm_status status = mgm_context_create(&ctx);
    if (status == MGM_OK)
        status = synth(ctx, &values, kind_from_name(values.kind), operands.values[0]);
    int outcome = status == MGM_OK ? report_finish() : command_failed(&cmd_synth, "%s", mgm_context_error(ctx));
    mgm_context_destroy(&ctx);
    return outcome;
}
