#include "base/memory.h"
#include "matting/foreground_fast.h"
#include "train/sample.h"

enum mgm_status mgm_batch_create(struct mgm_context *ctx, int n, int size, struct mgm_batch *out)
{
    *out = (struct mgm_batch){0};
    if (n < 1 || size < 32 || size > 2048 || size % 32 != 0)
        return mgm_fail(ctx, MGM_E_INVALID, "a batch of %d crops of %d pixels: expected at least one, of 32 … 2048, by 32",
                        n, size);
    size_t plane = (size_t)n * size * size;
    struct mgm_batch batch = {.n = n, .size = size};
    batch.image = mgm_alloc_zeroed(3 * plane, sizeof(float));
    batch.fg = mgm_alloc_zeroed(3 * plane, sizeof(float));
    batch.bg = mgm_alloc_zeroed(3 * plane, sizeof(float));
    batch.alpha = mgm_alloc_zeroed(plane, sizeof(float));
    batch.guidance = mgm_alloc_zeroed(plane, sizeof(float));
    batch.unknown = mgm_alloc_zeroed(plane, 1);
    if (!batch.image || !batch.fg || !batch.bg || !batch.alpha || !batch.guidance || !batch.unknown) {
        mgm_batch_release(&batch);
        return mgm_fail_nomem(ctx, "a batch of samples");
    }
    *out = batch;
    return MGM_OK;
}

enum mgm_status mgm_batch_create_for(struct mgm_context *ctx, enum mgm_task task, int n, int size, struct mgm_batch *out)
{
    TRY(mgm_batch_create(ctx, n, size, out));
    if (task != MGM_TASK_REFINEMENT)
        return MGM_OK;
    out->estimate = mgm_alloc_zeroed((size_t)n * (size_t)size * (size_t)size, MGM_ESTIMATE_STRIDE * sizeof(float));
    if (out->estimate)
        return MGM_OK;
    mgm_batch_release(out);
    return mgm_fail_nomem(ctx, "a batch of samples");
}

void mgm_batch_release(struct mgm_batch *batch)
{
    mgm_free(batch->image);
    mgm_free(batch->fg);
    mgm_free(batch->bg);
    mgm_free(batch->alpha);
    mgm_free(batch->guidance);
    mgm_free(batch->unknown);
    mgm_free(batch->estimate);
    *batch = (struct mgm_batch){0};
}

enum { COLUMNS = 6, GAP = 4 };

struct cell {
    const float *planes; /* NULL: bytes */
    const uint8_t *bytes;
    int channels;
};

static uint8_t value_at(const struct cell *cell, size_t count, int channel, size_t i)
{
    if (!cell->planes)
        return cell->bytes[i] ? 255 : 0;
    float value = cell->planes[(cell->channels == 3 ? (size_t)channel : 0) * count + i];
    return (uint8_t)(255 * (value < 0 ? 0 : value > 1 ? 1 : value) + 0.5f);
}

static void put_cell(const struct cell *cell, int size, int left, int top, struct mgm_bitmap *out)
{
    size_t count = (size_t)size * size;
    for (int y = 0; y < size; y++) {
        uint8_t *row = out->data + 3 * ((size_t)(top + y) * out->width + left);
        for (int x = 0; x < size; x++)
            for (int c = 0; c < 3; c++)
                row[3 * x + c] = value_at(cell, count, c, (size_t)y * size + x);
    }
}

static enum mgm_status create_sheet(struct mgm_context *ctx, int columns, int rows, int pitch, struct mgm_bitmap *out)
{
    TRY(mgm_bitmap_create(ctx, columns * pitch - GAP, rows * pitch - GAP, 3, out));
    for (size_t i = 0; i < (size_t)out->width * out->height * 3; i++)
        out->data[i] = i % 3 == 1 ? 0 : 160; /* a colour that no mask has, between the cells */
    return MGM_OK;
}

enum mgm_status mgm_batch_images(struct mgm_context *ctx, const struct mgm_batch *batch, int columns, struct mgm_bitmap *out)
{
    int pitch = batch->size + GAP;
    size_t count = (size_t)batch->size * batch->size;
    TRY(create_sheet(ctx, columns, (batch->n + columns - 1) / columns, pitch, out));
    for (int n = 0; n < batch->n; n++) {
        const struct cell cell = {.planes = batch->image + 3 * (size_t)n * count, .channels = 3};
        put_cell(&cell, batch->size, n % columns * pitch, n / columns * pitch, out);
    }
    return MGM_OK;
}

enum mgm_status mgm_batch_sheet(struct mgm_context *ctx, const struct mgm_batch *batch, struct mgm_bitmap *out)
{
    int pitch = batch->size + GAP;
    TRY(create_sheet(ctx, COLUMNS, batch->n, pitch, out));
    size_t count = (size_t)batch->size * batch->size;
    for (int n = 0; n < batch->n; n++) {
        const struct cell cells[COLUMNS] = {
            {.planes = batch->image + 3 * n * count, .channels = 3}, {.planes = batch->guidance + n * count, .channels = 1},
            {.planes = batch->alpha + n * count, .channels = 1},     {.bytes = batch->unknown + n * count, .channels = 1},
            {.planes = batch->fg + 3 * n * count, .channels = 3},    {.planes = batch->bg + 3 * n * count, .channels = 3}};
        for (int column = 0; column < COLUMNS; column++)
            put_cell(&cells[column], batch->size, column * pitch, n * pitch, out);
    }
    return MGM_OK;
}
