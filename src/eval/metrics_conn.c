/*
 * All in whole numbers, 1 = 2550: that is exact for alpha in steps of 1/255 and thresholds in steps of 0.1. Planes are
 * transposed, because of components of equal size the benchmark's code takes the first one down the columns.
 */
#include "eval/metrics.h"

#include "base/memory.h"
#include "image/components.h"

#include <stdlib.h>
#include <string.h>

enum { STEPS = 10, ONE = 2550, PER_LEVEL = ONE / 255, PER_STEP = ONE / STEPS };
enum { LEAST_BREAK = 383 }; /* 0.15, from which on a pixel counts as cut off, rounded up to the next value */
enum { CONNECTED = 255 };   /* so far, at every threshold */

/** Sets where both mattes reach the threshold. @param both  u8 [w, h] */
static void threshold(const uint8_t *matte, const uint8_t *truth, int h, int w, int step, uint8_t *both)
{
    for (size_t x = 0; x < (size_t)w; x++)
        for (size_t y = 0; y < (size_t)h; y++) {
            const size_t i = y * (size_t)w + x;
            const int lower = matte[i] < truth[i] ? matte[i] : truth[i];
            both[x * (size_t)h + y] = lower * PER_LEVEL >= step * PER_STEP;
        }
}

/** The last step at which each pixel belongs to the agreed foreground, or CONNECTED. @param levels, both  u8 [w, h] */
static enum mgm_status find_levels(struct mgm_context *ctx, const uint8_t *matte, const uint8_t *truth, int h, int w,
                                   uint8_t *levels, uint8_t *both)
{
    const size_t count = (size_t)h * (size_t)w;
    memset(levels, CONNECTED, count);
    for (int step = 1; step <= STEPS; step++) {
        threshold(matte, truth, h, w, step, both);
        TRY(mgm_keep_largest_component(ctx, both, w, h, MGM_CONNECT_4));
        for (size_t i = 0; i < count; i++)
            if (!both[i] && levels[i] == CONNECTED)
                levels[i] = (uint8_t)(step - 1);
    }
    return MGM_OK;
}

/** 1 − φ: how far a value stands above the level at which its pixel is still connected; little does not count. */
static int cut_off(int value, int level)
{
    const int above = value * PER_LEVEL - (level == CONNECTED ? STEPS : level) * PER_STEP;
    return above >= LEAST_BREAK ? above : 0;
}

enum mgm_status mgm_metric_conn(struct mgm_context *ctx, const uint8_t *matte, const uint8_t *truth, const uint8_t *trimap,
                                int h, int w, double *value)
{
    const size_t count = (size_t)h * (size_t)w;
    uint8_t *levels = mgm_alloc(count, 2);
    if (!levels)
        return mgm_fail_nomem(ctx, "the connectivity of a matte");
    const enum mgm_status status = find_levels(ctx, matte, truth, h, w, levels, levels + count);
    double sum = 0;
    for (size_t i = 0; i < count && status == MGM_OK; i++) {
        const int level = levels[i % (size_t)w * (size_t)h + i / (size_t)w];
        if (!trimap || trimap[i] == MGM_TRIMAP_UNKNOWN)
            sum += abs(cut_off(matte[i], level) - cut_off(truth[i], level));
    }
    *value = sum / ONE / 1000;
    mgm_free(levels);
    return status;
}
