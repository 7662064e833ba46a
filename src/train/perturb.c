#include "train/perturb.h"

#include "image/morphology.h"
#include "train/mistakes.h"
#include "train/plane.h"

#include <math.h>
#include <string.h>

struct perturbation {
    struct mgm_context *ctx;
    struct mgm_random *random;
    const struct mgm_guidance_settings *settings;
    double strength;
    const float *alpha;
    int size;
    size_t count;
    const struct mgm_perturb_space *space;
};

/** An ellipse's size between 1 and the most that the settings allow for a crop of this size; small ones are likelier. */
static int kernel(const struct perturbation *p, double share)
{
    double most = p->settings->kernel_max * sqrt(sqrt(p->size / 512.0)) * share * p->strength;
    int size = 1 + (int)(pow(mgm_random_unit(p->random), 1.5) * most);
    return size < MGM_ELLIPSE_MAX ? size : MGM_ELLIPSE_MAX;
}

void mgm_binarise(const float *alpha, size_t count, float threshold, uint8_t *mask)
{
    for (size_t i = 0; i < count; i++)
        mask[i] = alpha[i] >= threshold;
}

/* ---- masks -------------------------------------------------------------------------------------------------------------
 */

/** A segmentation at low resolution, enlarged. */
static void coarse_field(const struct perturbation *p)
{
    struct mgm_random *random = p->random;
    bool repeat = mgm_random_chance(random, 0.2);
    double most = 1 + (repeat ? 7 : 23) * p->strength, least = repeat ? 2 : 4;
    int factor = (int)(least * pow(most > least ? most / least : 1, mgm_random_unit(random)) + 0.5);
    int x = mgm_random_int(random, 0, factor - 1), y = mgm_random_int(random, 0, factor - 1);
    const float *from = p->alpha;
    if (mgm_random_chance(random, 0.3)) {
        float threshold = (float)mgm_random_range(random, 0.2, 0.8);
        for (size_t i = 0; i < p->count; i++)
            p->space->field[i] = p->alpha[i] >= threshold;
        from = p->space->field;
    }
    mgm_plane_coarse(from, p->size, factor, x, y, repeat, p->space->field, p->space->scratch);
}

/** A boundary that wanders to and fro, as hand-drawn ones do: low noise on a blurred matte moves its level line. */
static void wobbly_field(const struct perturbation *p, float *noise)
{
    double radius = mgm_random_range(p->random, 1.5, 10) * p->strength * sqrt(p->size / 256.0);
    float amount = (float)mgm_random_range(p->random, 0.08, 0.18); /* times 2.5 stays below 0.5: no islands in the void */
    memcpy(p->space->field, p->alpha, p->count * sizeof(float));
    mgm_plane_disc(p->space->field, p->size, radius < 0.5 ? 0.5 : radius, p->space->scratch);
    mgm_plane_noise(p->random, p->size, mgm_random_range(p->random, 8, 48), noise, p->space->scratch);
    for (size_t i = 0; i < p->count; i++)
        p->space->field[i] += amount * noise[i];
}

static enum mgm_status erode_or_dilate(const struct perturbation *p, double share, uint8_t *mask)
{
    int first = kernel(p, share), second = kernel(p, share);
    switch (mgm_random_int(p->random, 0, 3)) {
    case 0:
        return mgm_erode(p->ctx, mask, p->size, p->size, first, mask);
    case 1:
        return mgm_dilate(p->ctx, mask, p->size, p->size, first, mask);
    case 2:
        TRY(mgm_erode(p->ctx, mask, p->size, p->size, first, mask));
        return mgm_dilate(p->ctx, mask, p->size, p->size, second, mask);
    default:
        TRY(mgm_dilate(p->ctx, mask, p->size, p->size, first, mask));
        return mgm_erode(p->ctx, mask, p->size, p->size, second, mask);
    }
}

/** @param noise  size² floats, overwritten */
static enum mgm_status draw_mask(const struct perturbation *p, float *noise, uint8_t *mask)
{
    struct mgm_random *random = p->random;
    if (mgm_random_chance(random, p->settings->coarse_share)) {
        float threshold = mgm_random_chance(random, 0.6) ? 0.5f : (float)mgm_random_range(random, 0.35, 0.65);
        coarse_field(p);
        mgm_binarise(p->space->field, p->count, threshold, mask);
        return mgm_random_chance(random, 0.3) ? erode_or_dilate(p, 0.5, mask) : MGM_OK;
    }
    if (mgm_random_chance(random, 0.4)) {
        wobbly_field(p, noise);
        mgm_binarise(p->space->field, p->count, 0.5f, mask);
        return mgm_random_chance(random, 0.6) ? erode_or_dilate(p, 0.7, mask) : MGM_OK;
    }
    double threshold = mgm_random_range(random, 0.01, 1);
    if (mgm_random_chance(random, 0.75))
        threshold = mgm_random_range(random, 0.1, 0.9);
    mgm_binarise(p->alpha, p->count, (float)threshold, mask);
    return mgm_random_chance(random, 0.9) ? erode_or_dilate(p, 1, mask) : MGM_OK;
}

static void mask_to_guidance(const uint8_t *mask, size_t count, float *guidance)
{
    for (size_t i = 0; i < count; i++)
        guidance[i] = mask[i];
}

/* ---- trimaps and soft mattes -------------------------------------------------------------------------------------------
 */

/** 0 / 0.5 / 1: all that is uncertain, widened; sometimes also a band along a carelessly drawn outline. */
static enum mgm_status draw_trimap(const struct perturbation *p, float *guidance)
{
    uint8_t *band = p->space->mask, *other = p->space->other;
    bool careless = mgm_random_chance(p->random, 0.4);
    if (careless) {
        TRY(draw_mask(p, guidance, band));
        TRY(mgm_erode(p->ctx, band, p->size, p->size, kernel(p, 0.8), other));
        TRY(mgm_dilate(p->ctx, band, p->size, p->size, kernel(p, 0.8), band));
        for (size_t i = 0; i < p->count; i++)
            band[i] = band[i] && !other[i];
    }
    for (size_t i = 0; i < p->count; i++)
        other[i] = p->alpha[i] > 0.004f && p->alpha[i] < 0.996f;
    TRY(mgm_dilate(p->ctx, other, p->size, p->size, kernel(p, 1.35), other));
    for (size_t i = 0; i < p->count; i++) {
        bool unknown = other[i] || (careless && band[i]);
        guidance[i] = unknown ? 0.5f : p->alpha[i] >= 0.5f;
    }
    return MGM_OK;
}

/** Another method's matte: blurred, with another response, enlarged from a low resolution, or a blurred rough mask. */
static enum mgm_status draw_soft(const struct perturbation *p, float *guidance)
{
    struct mgm_random *random = p->random;
    int way = mgm_random_int(random, 0, 3), factor = mgm_random_int(random, 4, 4 + (int)(12 * p->strength));
    double radius = mgm_random_range(random, 0.7, 1 + 11 * p->strength) * sqrt(p->size / 256.0);
    double power = exp(mgm_random_range(random, -0.9, 0.9)), amount = mgm_random_range(random, 0.05, 0.25);
    memcpy(guidance, p->alpha, p->count * sizeof(float));
    if (way == 0) {
        mgm_plane_disc(guidance, p->size, radius, p->space->scratch);
    } else if (way == 1) {
        mgm_plane_noise(random, p->size, mgm_random_range(random, 6, 40), p->space->field, p->space->scratch);
        for (size_t i = 0; i < p->count; i++) { /* only where it is uncertain: elsewhere methods agree */
            float a = powf(p->alpha[i], (float)power);
            guidance[i] = a + (float)amount * p->space->field[i] * 4 * a * (1 - a);
        }
    } else if (way == 2) {
        mgm_plane_coarse(guidance, p->size, factor, mgm_random_int(random, 0, factor - 1),
                         mgm_random_int(random, 0, factor - 1), false, guidance, p->space->scratch);
    } else {
        TRY(draw_mask(p, guidance, p->space->mask));
        mask_to_guidance(p->space->mask, p->count, guidance);
        mgm_plane_disc(guidance, p->size, radius, p->space->scratch);
    }
    mgm_plane_clamp(guidance, p->count);
    return MGM_OK;
}

enum mgm_status mgm_perturb_guidance(struct mgm_context *ctx, struct mgm_random *random,
                                     const struct mgm_guidance_settings *settings, double strength, const float *alpha,
                                     const float *image, int size, const struct mgm_perturb_space *space, float *guidance)
{
    const struct perturbation p = {.ctx = ctx,
                                   .random = random,
                                   .settings = settings,
                                   .strength = strength,
                                   .alpha = alpha,
                                   .size = size,
                                   .count = (size_t)size * size,
                                   .space = space};
    double kind = mgm_random_unit(random);
    if (kind < settings->trimap_share) {
        TRY(draw_trimap(&p, guidance));
    } else if (kind < settings->trimap_share + settings->soft_share) {
        TRY(draw_soft(&p, guidance));
    } else {
        TRY(draw_mask(&p, guidance, space->mask));
        mask_to_guidance(space->mask, p.count, guidance);
    }
    const struct mgm_mistakes mistakes = {.random = random,
                                          .size = size,
                                          .alpha = alpha,
                                          .image = image,
                                          .follow = image ? settings->follow : 0,
                                          .field = space->field,
                                          .scratch = space->scratch};
    const bool trimap = kind < settings->trimap_share; /* which says what is certain */
    if (!trimap && mgm_random_chance(random, settings->blobs))
        mgm_mistake_blobs(&mistakes, guidance);
    if (!trimap && settings->lines > 0 && mgm_random_chance(random, settings->lines))
        mgm_mistake_line(&mistakes, guidance);
    if (mgm_random_chance(random, settings->cutmask) && strength >= 1 && !trimap)
        mgm_mistake_patch(&mistakes, guidance);
    return MGM_OK;
}

/* ---- judging -----------------------------------------------------------------------------------------------------------
 */

enum { BLOCKS = 16 };

static bool covered(const bool has[BLOCKS][BLOCKS], int row, int column)
{
    for (int y = row - 1; y <= row + 1; y++)
        for (int x = column - 1; x <= column + 1; x++)
            if (y >= 0 && y < BLOCKS && x >= 0 && x < BLOCKS && has[y][x])
                return true;
    return false;
}

bool mgm_guidance_tells(const float *alpha, const float *guidance, int size)
{
    bool has[BLOCKS][BLOCKS] = {{false}};
    double mass[BLOCKS][BLOCKS] = {{0}}, alpha_sum = 0, guidance_sum = 0, common = 0, far = 0;
    size_t certain = 0;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            size_t i = (size_t)y * size + x;
            int row = y * BLOCKS / size, column = x * BLOCKS / size;
            has[row][column] |= guidance[i] >= 0.4f;
            mass[row][column] += alpha[i];
            guidance_sum += guidance[i];
            common += alpha[i] * guidance[i];
            certain += guidance[i] > 0.9f;
        }
    for (int row = 0; row < BLOCKS; row++)
        for (int column = 0; column < BLOCKS; column++) {
            alpha_sum += mass[row][column];
            if (!covered((const bool(*)[BLOCKS])has, row, column))
                far += mass[row][column];
        }
    return certain >= (size_t)size * size / 200 && common >= 0.35 * alpha_sum && common >= 0.35 * guidance_sum &&
           far <= 0.03 * alpha_sum;
}
