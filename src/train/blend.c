#include "train/blend.h"

#include "base/memory.h"
#include "base/parallel.h"
#include "train/camera.h"
#include "train/composite.h"
#include "train/plane.h"

#include <math.h>
#include <string.h>

enum { TRIES = 12 };

struct making {
    const struct mgm_foreground_store *store;
    const struct mgm_sample_settings *settings;
    enum mgm_share share;
    struct mgm_random random;
    int size;
    size_t count;
    float *fore, *other, *scratch; /* [4, size, size] twice; mgm_plane_scratch(size) */
    float *image, *fg, *bg, *alpha, *given;
    uint8_t *judged;
};

/** Any foreground, placed. */
static enum mgm_status place_foreground(struct mgm_context *ctx, struct making *m, double wander, bool inside, float *dst)
{
    struct mgm_lease lease;
    TRY(mgm_store_take_foreground(ctx, m->store, mgm_store_choose_foreground(m->store, m->share, &m->random), &lease));
    mgm_place_foreground(&m->random, &lease.pyramid, &(struct mgm_placing){wander, inside, 0}, m->size, dst, m->scratch);
    mgm_lease_release(&lease);
    return MGM_OK;
}

/** Share of the pixels whose colour is a mixture: there is nothing to learn from the others. */
static double mixed_share(const float *alpha, size_t count)
{
    size_t mixed = 0;
    for (size_t i = 0; i < count; i++)
        mixed += alpha[i] > 0.02f && alpha[i] < 0.98f;
    return (double)mixed / (double)count;
}

/** Alpha, and the drawn colours that belong to it, into m->fore. */
static enum mgm_status draw_alpha(struct mgm_context *ctx, struct making *m)
{
    struct mgm_random *random = &m->random;
    const double wanted = mgm_random_range(random, 0.02, 0.2);
    float *alpha = m->fore + 3 * m->count;
    for (int i = 0; i < TRIES; i++) {
        TRY(place_foreground(ctx, m, 0.3, true, m->fore));
        if (mgm_random_chance(random, m->settings->compose_two)) {
            TRY(place_foreground(ctx, m, 0.5, false, m->other));
            mgm_merge_foregrounds(m->fore, m->other, m->count);
        }
        if (mixed_share(alpha, m->count) >= wanted)
            break;
    }
    if (mgm_random_chance(random, 0.04)) { /* veils: nothing is opaque */
        const float most = (float)mgm_random_range(random, 0.3, 1);
        for (size_t i = 0; i < m->count; i++)
            alpha[i] *= most;
    }
    return MGM_OK;
}

/** Any photograph, most of the time as sharp as it is. */
static enum mgm_status draw_photo(struct mgm_context *ctx, struct making *m, double blurred, float *dst)
{
    int photo;
    TRY(mgm_draw_background(ctx, &m->random, m->store, m->share, m->size, 0, dst, m->scratch, &photo));
    if (photo >= 0 && mgm_random_chance(&m->random, blurred))
        mgm_defocus_background(&m->random, m->size, dst, m->scratch);
    return MGM_OK;
}

MGM_KERNEL static void clamp_and_round(float *alpha, size_t count, float steps)
{
    for (size_t i = 0; i < count; i++) {
        float a = alpha[i] < 0 ? 0 : alpha[i] > 1 ? 1 : alpha[i];
        alpha[i] = (float)(int)(a * steps + 0.5f) / steps;
    }
}

/** What a matting network gets wrong: too soft, too coarse, too hard or too weak, and all of that more in some places. */
static void spoil_alpha(struct making *m)
{
    struct mgm_random *random = &m->random;
    float *alpha = m->given, *field = m->other, *spoilt = m->other + m->count;
    memcpy(spoilt, alpha, m->count * sizeof *alpha);
    if (mgm_random_chance(random, 0.5))
        mgm_plane_disc(spoilt, m->size, mgm_random_range(random, 0.6, 3), m->scratch);
    else if (mgm_random_chance(random, 0.3))
        mgm_plane_coarse(spoilt, m->size, mgm_random_int(random, 2, 4), 0, 0, false, spoilt, m->scratch);
    const float steep = (float)exp(mgm_random_range(random, -0.3, 0.5)),
                shift = (float)mgm_random_range(random, -0.12, 0.12);
    const float uneven = (float)mgm_random_range(random, 0, 0.15), strength = (float)mgm_random_range(random, 0, 1);
    mgm_plane_noise(random, m->size, mgm_random_range(random, 6, 40), field, m->scratch);
    for (size_t i = 0; i < m->count; i++) {
        const float soft = 4 * spoilt[i] * (1 - spoilt[i]); /* what is certain stays so */
        const float value = spoilt[i] + soft * ((steep - 1) * (spoilt[i] - 0.5f) + shift + uneven * field[i]);
        alpha[i] += strength * (value - alpha[i]);
    }
}

static enum mgm_status draw_sample(struct mgm_context *ctx, struct making *m)
{
    struct mgm_random *random = &m->random;
    const struct mgm_blend_settings *blend = &m->settings->blend;
    const bool ordinary = mgm_random_chance(random, blend->ordinary), whole = mgm_random_chance(random, blend->hidden);
    TRY(draw_alpha(ctx, m));
    TRY(draw_photo(ctx, m, 0.4, m->bg));
    if (ordinary)
        memcpy(m->fg, m->fore, 3 * m->count * sizeof *m->fg);
    else
        TRY(draw_photo(ctx, m, 0.15, m->fg));
    memcpy(m->alpha, m->fore + 3 * m->count, m->count * sizeof *m->alpha);
    mgm_compose(m->alpha, m->fg, m->bg, m->count, m->image);
    TRY(mgm_camera_accidents(ctx, random, &m->settings->camera, m->image, m->size, m->fore));
    memcpy(m->given, m->alpha, m->count * sizeof *m->given);
    if (mgm_random_chance(random, blend->alpha_errors))
        spoil_alpha(m);
    clamp_and_round(m->given, m->count, mgm_random_chance(random, 0.7) ? 255 : 65535);
    for (size_t i = 0; i < m->count; i++) /* a drawn foreground has no colours where it is not */
        m->judged[i] = (whole && !ordinary) || m->alpha[i] > 0;
    return MGM_OK;
}

enum mgm_status mgm_blend_make(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                               const struct mgm_sample_settings *settings, uint64_t seed, uint64_t number,
                               struct mgm_batch *batch, int slot)
{
    const size_t count = (size_t)batch->size * (size_t)batch->size, at = (size_t)slot * count;
    float *memory = mgm_alloc(8 * count + mgm_plane_scratch(batch->size), sizeof(float));
    if (!memory)
        return mgm_fail_nomem(ctx, "a sample");
    struct making making = {
        .store = store,
        .settings = settings,
        .share = settings->validation ? MGM_SHARE_VALIDATION : MGM_SHARE_TRAINING,
        .random = mgm_random_stream(seed, number),
        .size = batch->size,
        .count = count,
        .fore = memory,
        .other = memory + 4 * count,
        .scratch = memory + 8 * count,
        .image = batch->image + 3 * at,
        .fg = batch->fg + 3 * at,
        .bg = batch->bg + 3 * at,
        .alpha = batch->alpha + at,
        .given = batch->guidance + at,
        .judged = batch->unknown + at,
    };
    const enum mgm_status status = draw_sample(ctx, &making);
    mgm_free(memory);
    return status;
}
