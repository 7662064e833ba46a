#include "base/memory.h"
#include "train/blend.h"
#include "train/camera.h"
#include "train/composite.h"
#include "train/estimated.h"
#include "train/light.h"
#include "train/perturb.h"
#include "train/plane.h"
#include "train/published.h"
#include "train/trimap.h"

#include <math.h>
#include <string.h>

enum { TRIES = 100, GUIDANCE_TRIES = 6 };

struct mgm_sample_settings mgm_sample_settings_defaults(void)
{
    return (struct mgm_sample_settings){
        .guidance = {.soft_share = 0.1,
                     .trimap_share = 0.25,
                     .coarse_share = 0.3,
                     .cutmask = 0.1,
                     .blobs = 0.2,
                     .follow = 0.5,
                     .lines = 0.1,
                     .kernel_max = 30},
        .camera = {.noise = 0.5, .blur = 0.4, .jpeg = 0.4, .halo = 0.25},
        .light = {.relief = 0.25, .harmony = 0.15, .shadow = 0.1, .spill = 0.2},
        .compose_two = 0.25, /* the paper's 0.5 is for photographed foregrounds; drawn ones are busier */
        .distractor = 0.1,
        .closeup = 0.2,
        .blend = {.ordinary = 0.15, .alpha_errors = 0.5, .hidden = 1},
    };
}

/** What making one sample needs besides the batch. One allocation. */
struct space {
    void *memory;
    float *fore, *other; /* [4, size, size] */
    float *field, *scratch;
    uint8_t *mask, *spare;
};

static enum mgm_status create_space(struct mgm_context *ctx, int size, struct space *out)
{
    size_t count = (size_t)size * size;
    out->memory = mgm_alloc(10 * count + mgm_plane_scratch(size), sizeof(float));
    if (!out->memory)
        return mgm_fail_nomem(ctx, "a sample");
    float *next = out->memory;
    out->fore = next;
    out->other = next + 4 * count;
    out->mask = (uint8_t *)(next + 8 * count); /* two masks fit into half a plane; the field has the next one */
    out->spare = out->mask + count;
    out->field = next + 9 * count - count / 2;
    out->scratch = out->field + count; /* with half a plane to spare */
    return MGM_OK;
}

/** One sample's places in the batch. */
struct slot {
    float *image, *fg, *bg, *alpha, *guidance;
    uint8_t *unknown;
};

static struct slot slot_of(struct mgm_batch *batch, int slot)
{
    size_t count = (size_t)batch->size * batch->size, at = (size_t)slot * count;
    return (struct slot){.image = batch->image + 3 * at,
                         .fg = batch->fg + 3 * at,
                         .bg = batch->bg + 3 * at,
                         .alpha = batch->alpha + at,
                         .guidance = batch->guidance + at,
                         .unknown = batch->unknown + at};
}

struct making {
    const struct mgm_foreground_store *store;
    const struct mgm_sample_settings *settings;
    enum mgm_share share;
    struct mgm_random random;
    int size;
    size_t count;
    struct space space;
    struct slot slot;
    struct mgm_sample_facts facts;
};

/** Chooses a foreground and places it. @param index  receives which */
static enum mgm_status place_foreground(struct mgm_context *ctx, struct making *m, double wander, bool inside, float *dst,
                                        int *index)
{
    struct mgm_lease lease;
    *index = mgm_store_choose_foreground(m->store, m->share, &m->random);
    TRY(mgm_store_take_foreground(ctx, m->store, *index, &lease));
    mgm_place_foreground(&m->random, &lease.pyramid, &(struct mgm_placing){wander, inside, m->settings->closeup}, m->size,
                         dst, m->space.scratch);
    mgm_lease_release(&lease);
    return MGM_OK;
}

/** Enough foreground, something opaque, not nothing but foreground, and a plain mask would say what is wanted. */
static bool can_be_wanted(const struct making *m, const float *alpha)
{
    double sum = 0;
    size_t opaque = 0;
    for (size_t i = 0; i < m->count; i++) {
        sum += alpha[i];
        opaque += alpha[i] > 0.9f;
    }
    double mean = sum / (double)m->count;
    if (mean < 0.04 || mean > 0.97 || (double)opaque < 0.015 * (double)m->count)
        return false;
    for (size_t i = 0; i < m->count; i++)
        m->space.field[i] = alpha[i] >= 0.5f;
    return mgm_guidance_tells(alpha, m->space.field, m->size);
}

/** Whether the picture shows where the foreground ends: the colours differ along its border. */
static bool can_be_seen(const struct making *m)
{
    const struct slot *s = &m->slot;
    double difference = 0;
    size_t border = 0;
    for (size_t i = 0; i < m->count; i++) {
        if (s->alpha[i] < 0.05f || s->alpha[i] > 0.95f)
            continue;
        border++;
        for (int c = 0; c < 3; c++)
            difference += fabsf(s->fg[c * m->count + i] - s->bg[c * m->count + i]);
    }
    return border < 20 || difference >= 3 * 0.07 * (double)border;
}

/** Light on foreground and background, and from one to the other. It goes into the labels, so the composite stays exact. */
static void light_planes(struct making *m)
{
    const struct mgm_light_space space = {
        .relief = m->space.other, .shadow = m->space.other + m->count, .scratch = m->space.scratch};
    if (mgm_random_chance(&m->random, m->settings->light.relief))
        mgm_light_foreground(&m->random, m->slot.alpha, m->size, &space, m->slot.fg);
    if (mgm_random_chance(&m->random, m->settings->light.harmony))
        mgm_light_harmonise(&m->random, m->slot.alpha, m->slot.bg, m->count, m->slot.fg);
    if (mgm_random_chance(&m->random, m->settings->light.shadow))
        mgm_light_shadow(&m->random, m->slot.alpha, m->size, &space, m->slot.bg);
    if (mgm_random_chance(&m->random, m->settings->light.spill))
        mgm_light_spill(&m->random, m->slot.alpha, m->slot.bg, m->size, &space, m->slot.fg);
}

/** Foreground, background and alpha into the slot. @param usable  receives whether something can be learnt from them */
static enum mgm_status draw_planes(struct mgm_context *ctx, struct making *m, bool *usable)
{
    struct mgm_random *random = &m->random;
    float *fore = m->space.fore, *other = m->space.other, *scratch = m->space.scratch;
    m->facts.second = m->facts.distractor = -1;
    *usable = false;
    TRY(place_foreground(ctx, m, 0.2, true, fore, &m->facts.foreground));
    if (mgm_random_chance(random, m->settings->compose_two)) {
        TRY(place_foreground(ctx, m, 0.5, false, other, &m->facts.second));
        mgm_merge_foregrounds(fore, other, m->count);
    }
    if (!can_be_wanted(m, fore + 3 * m->count))
        return MGM_OK;
    TRY(mgm_draw_background(ctx, random, m->store, m->share, m->size, m->settings->closeup, m->slot.bg, scratch,
                            &m->facts.photo));
    if (mgm_random_chance(random, m->settings->distractor)) {
        TRY(place_foreground(ctx, m, 0.5, false, other, &m->facts.distractor));
        mgm_compose(other + 3 * m->count, other, m->slot.bg, m->count, m->slot.fg);
        memcpy(m->slot.bg, m->slot.fg, 3 * m->count * sizeof(float));
    }
    if (m->facts.photo >= 0 && mgm_random_chance(random, 0.4))
        mgm_defocus_background(random, m->size, m->slot.bg, scratch);
    memcpy(m->slot.fg, fore, 3 * m->count * sizeof(float));
    memcpy(m->slot.alpha, fore + 3 * m->count, m->count * sizeof(float));
    if (mgm_random_chance(random, 0.1))
        mgm_camouflage(random, m->slot.fg, m->slot.alpha, m->slot.bg, m->count);
    light_planes(m);
    *usable = can_be_seen(m);
    return MGM_OK;
}

static enum mgm_status draw_guidance(struct mgm_context *ctx, struct making *m)
{
    struct mgm_perturb_space space = {
        .field = m->space.field, .scratch = m->space.scratch, .mask = m->space.mask, .other = m->space.spare};
    for (int i = 0; i < GUIDANCE_TRIES; i++) {
        double strength = i < 2 ? 1 : 1.0 / i; /* milder when large errors left nothing to go by */
        TRY(mgm_perturb_guidance(ctx, &m->random, &m->settings->guidance, strength, m->slot.alpha, m->slot.image, m->size,
                                 &space, m->slot.guidance));
        if (mgm_guidance_tells(m->slot.alpha, m->slot.guidance, m->size))
            return MGM_OK;
    }
    for (size_t i = 0; i < m->count; i++)
        m->slot.guidance[i] = m->slot.alpha[i] >= 0.5f;
    return MGM_OK;
}

static enum mgm_status draw_sample(struct mgm_context *ctx, struct making *m)
{
    bool usable = false;
    for (m->facts.tries = 1;; m->facts.tries++) {
        TRY(draw_planes(ctx, m, &usable));
        if (usable)
            break;
        if (m->facts.tries >= TRIES)
            return mgm_fail(
                ctx, MGM_E_INVALID,
                "no usable sample of %d pixels in %d tries: the foregrounds are too small, too translucent or too "
                "much like the photographs",
                m->size, TRIES);
    }
    mgm_compose(m->slot.alpha, m->slot.fg, m->slot.bg, m->count, m->slot.image);
    TRY(draw_guidance(ctx, m));
    int erode_fg = mgm_random_int(&m->random, 1, 29), erode_bg = mgm_random_int(&m->random, 1, 29);
    TRY(mgm_trimap_unknown(ctx, m->slot.alpha, m->size, erode_fg, erode_bg, m->slot.unknown, m->space.mask));
    /* the foreground's planes are no longer needed: scratch of the camera */
    return mgm_camera_accidents(ctx, &m->random, &m->settings->camera, m->slot.image, m->size, m->space.fore);
}

static enum mgm_status check_settings(struct mgm_context *ctx, const struct mgm_sample_settings *s)
{
    const struct mgm_guidance_settings *g = &s->guidance;
    const double shares[] = {g->soft_share,  g->trimap_share, g->coarse_share,  g->cutmask,      g->blobs,
                             g->lines,       g->follow,       s->camera.noise,  s->camera.blur,  s->camera.jpeg,
                             s->camera.halo, s->light.relief, s->light.harmony, s->light.shadow, s->light.spill,
                             s->compose_two, s->distractor,   s->closeup,       s->real_world};
    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        if (!(shares[i] >= 0 && shares[i] <= 1))
            return mgm_fail(ctx, MGM_E_INVALID, "a probability of the sample settings is %g, expected 0 … 1", shares[i]);
    if (g->soft_share + g->trimap_share > 1)
        return mgm_fail(ctx, MGM_E_INVALID, "soft and trimap guidance together have a share of %g, expected at most 1",
                        g->soft_share + g->trimap_share);
    if (g->kernel_max < 1 || g->kernel_max > 128)
        return mgm_fail(ctx, MGM_E_INVALID, "the largest ellipse of the guidance is %d, expected 1 … 128", g->kernel_max);
    return MGM_OK;
}

enum mgm_status mgm_sample_make_with_facts(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                           const struct mgm_sample_settings *settings, uint64_t seed, uint64_t number,
                                           struct mgm_batch *batch, int slot, struct mgm_sample_facts *facts)
{
    TRY(check_settings(ctx, settings));
    if (settings->task == MGM_TASK_FOREGROUND)
        return mgm_blend_make(ctx, store, settings, seed, number, batch, slot);
    if (settings->task == MGM_TASK_REFINEMENT)
        return mgm_estimated_make(ctx, store, settings, seed, number, batch, slot);
    struct making making = {.store = store,
                            .settings = settings,
                            .share = settings->validation ? MGM_SHARE_VALIDATION : MGM_SHARE_TRAINING,
                            .random = mgm_random_stream(seed, number),
                            .size = batch->size,
                            .count = (size_t)batch->size * batch->size,
                            .slot = slot_of(batch, slot)};
    enum mgm_status status;
    if (settings->published) {
        status = mgm_published_sample(ctx, store, settings, &making.random, batch, slot, &making.facts);
    } else {
        TRY(create_space(ctx, batch->size, &making.space));
        status = draw_sample(ctx, &making);
        mgm_free(making.space.memory);
    }
    if (facts)
        *facts = making.facts;
    return status;
}

enum mgm_status mgm_sample_make(struct mgm_context *ctx, const struct mgm_foreground_store *store,
                                const struct mgm_sample_settings *settings, uint64_t seed, uint64_t number,
                                struct mgm_batch *batch, int slot)
{
    return mgm_sample_make_with_facts(ctx, store, settings, seed, number, batch, slot, NULL);
}
