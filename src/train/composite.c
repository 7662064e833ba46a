#include "train/composite.h"

#include "base/parallel.h"
#include "train/plane.h"
#include "train/recolour.h"

#include <math.h>

enum { UNCERTAIN, INSIDE };

static bool wanted(int alpha, int what)
{
    return what == UNCERTAIN ? alpha > 5 && alpha < 250 : alpha > 127;
}

/** A pixel of the foreground's coarsest level, evenly among those wanted; its centre as a share of width and height. */
static bool choose_pixel(struct mgm_random *random, const struct mgm_pyramid *foreground, int what, double *x, double *y)
{
    int level = foreground->levels - 1, width = foreground->level[level].width, height = foreground->level[level].height;
    const uint8_t *pixels = foreground->level[level].data;
    int count = 0;
    for (int i = 0; i < width * height; i++)
        count += wanted(pixels[4 * i + 3], what);
    double unit = mgm_random_unit(random);
    if (count < 10)
        return false;
    int left = (int)(unit * count), at = 0;
    for (at = 0; at < width * height; at++)
        if (wanted(pixels[4 * at + 3], what) && left-- == 0)
            break;
    *x = (at % width + 0.5) / width;
    *y = (at / width + 0.5) / height;
    return true;
}

static struct mgm_affine choose_affine(struct mgm_random *random, int width, int height, const struct mgm_placing *placing,
                                       double x, double y, int size)
{
    double whole = (double)size / (width < height ? width : height), smallest = whole < 0.75 ? whole : 0.75;
    double largest = smallest * 1.5 > 1.3 ? smallest * 1.5 : 1.3;
    if (placing->closeup > 0 && mgm_random_chance(random, placing->closeup)) {
        smallest = largest;
        largest *= 2;
    }
    double scale = smallest * pow(largest / smallest, mgm_random_unit(random));
    double angle = mgm_random_range(random, -25, 25) * 0.017453292519943295;
    double shear = mgm_random_range(random, -0.12, 0.12), stretch = exp(mgm_random_range(random, -0.1, 0.1));
    double flip_x = mgm_random_chance(random, 0.5) ? -1 : 1, flip_y = mgm_random_chance(random, 0.08) ? -1 : 1;
    double c = cos(angle) / scale, s = sin(angle) / scale;
    struct mgm_affine map;
    map.a = c * flip_x * stretch;
    map.b = (c * shear - s) * flip_y / stretch;
    map.d = s * flip_x * stretch;
    map.e = (s * shear + c) * flip_y / stretch;
    double px = size * (0.5 + mgm_random_range(random, -placing->wander, placing->wander));
    double py = size * (0.5 + mgm_random_range(random, -placing->wander, placing->wander));
    map.c = x * width - map.a * px - map.b * py;
    map.f = y * height - map.d * px - map.e * py;
    return map;
}

/** Moves a window that reaches over one border of the picture back inside, as far as it fits. */
static void keep_inside(struct mgm_affine *map, int width, int height, int size)
{
    double half_x = (fabs(map->a) + fabs(map->b)) * size / 2, half_y = (fabs(map->d) + fabs(map->e)) * size / 2;
    double x = map->c + (map->a + map->b) * size / 2, y = map->f + (map->d + map->e) * size / 2;
    double middle_x = width / 2.0, middle_y = height / 2.0;
    /* a window larger than the picture is moved until it covers all of it */
    double slack_x = fabs(middle_x - half_x), slack_y = fabs(middle_y - half_y);
    map->c += fmin(fmax(x, middle_x - slack_x), middle_x + slack_x) - x;
    map->f += fmin(fmax(y, middle_y - slack_y), middle_y + slack_y) - y;
}

/**
 * What is full or empty but for one step of 8 bit is so exactly: "α = 1" must survive interpolation, and cut-out photographs
 * are often 254 inside.
 */
MGM_KERNEL static void snap(float *alpha, size_t count)
{
    for (size_t i = 0; i < count; i++)
        alpha[i] = alpha[i] > 1 - 1.5f / 255 ? 1 : alpha[i] < 1.5f / 255 ? 0 : alpha[i];
}

MGM_KERNEL static void premultiply(float *restrict colour, const float *restrict alpha, size_t count)
{
    for (size_t i = 0; i < count; i++)
        colour[i] *= alpha[i];
}

MGM_KERNEL static void divide_by_alpha(float *restrict colour, const float *restrict alpha, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float value = colour[i] / alpha[i];
        colour[i] = value > 1 ? 1 : value;
    }
}

/** The foreground out of focus: colour and alpha spread together. */
static void defocus(float *planes, int size, double radius, float *scratch)
{
    size_t count = (size_t)size * size;
    float *alpha = planes + 3 * count;
    for (size_t i = 0; i < count; i++) /* a trace of colour everywhere, so that it can be divided back */
        alpha[i] += 1e-3f;
    for (int c = 0; c < 3; c++)
        premultiply(planes + c * count, alpha, count);
    for (int c = 0; c < 4; c++)
        mgm_plane_disc(planes + c * count, size, radius, scratch);
    for (int c = 0; c < 3; c++)
        divide_by_alpha(planes + c * count, alpha, count);
    for (size_t i = 0; i < count; i++)
        alpha[i] -= 1e-3f;
}

void mgm_place_foreground(struct mgm_random *random, const struct mgm_pyramid *foreground, const struct mgm_placing *placing,
                          int size, float *dst, float *scratch)
{
    static const struct mgm_recolour_range jitter = {
        .hue = 12, .saturation = 0.25, .gain = 0.18, .balance = 0.06, .gamma = 0.3, .contrast = 0.15};
    size_t count = (size_t)size * size;
    double x = 0.5, y = 0.5;
    int what = mgm_random_chance(random, 0.85) ? UNCERTAIN : INSIDE;
    if (!choose_pixel(random, foreground, what, &x, &y))
        (void)choose_pixel(random, foreground, INSIDE, &x, &y);
    int width = foreground->level[0].width, height = foreground->level[0].height;
    struct mgm_affine map = choose_affine(random, width, height, placing, x, y, size);
    if (placing->inside && mgm_random_chance(random, 0.85)) /* else what is beyond the border is a mirror image */
        keep_inside(&map, width, height, size);
    mgm_pyramid_crop(foreground, &map, size, dst);
    if (mgm_random_chance(random, 0.12))
        defocus(dst, size, mgm_random_range(random, 0.7, 2.5), scratch);
    snap(dst + 3 * count, count);
    mgm_recolour(random, &jitter, dst, count);
}

void mgm_merge_foregrounds(float *first, const float *second, size_t count)
{
    float *alpha = first + 3 * count;
    const float *other = second + 3 * count;
    for (size_t i = 0; i < count; i++) {
        float behind = (1 - alpha[i]) * other[i], merged = alpha[i] + behind;
        if (behind > 0)
            for (int c = 0; c < 3; c++)
                first[c * count + i] = (alpha[i] * first[c * count + i] + behind * second[c * count + i]) / merged;
        alpha[i] = merged;
    }
    snap(alpha, count);
}

/* ---- backgrounds -------------------------------------------------------------------------------------------------------
 */

static void plain_background(struct mgm_random *random, int size, float *dst, float *scratch)
{
    float from[3], to[3];
    double grey = mgm_random_unit(random);
    bool colourless = mgm_random_chance(random, 0.4), graded = mgm_random_chance(random, 0.7);
    for (int c = 0; c < 3; c++) {
        from[c] = (float)(colourless ? grey : mgm_random_unit(random));
        to[c] = (float)(graded ? mgm_random_unit(random) : from[c]);
    }
    double angle = mgm_random_range(random, 0, 6.283185307179586);
    double dx = cos(angle) / size, dy = sin(angle) / size, uneven = mgm_random_range(random, 0, 0.12);
    float *field = dst + 2 * (size_t)size * size; /* overwritten last */
    mgm_plane_noise(random, size, size / 3.0, field, scratch);
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++) {
            size_t i = (size_t)y * size + x;
            double t = 0.5 + dx * (x - size / 2.0) + dy * (y - size / 2.0) + uneven * field[i];
            t = t < 0 ? 0 : t > 1 ? 1 : t;
            for (size_t c = 0; c < 3; c++)
                dst[c * size * size + i] = from[c] + (float)t * (to[c] - from[c]);
        }
}

/** @param least  of the photograph's pixels for one of the crop; below 1 it is enlarged */
static void photo_background(struct mgm_random *random, const struct mgm_pyramid *photo, int size, double least, float *dst)
{
    double width = photo->level[0].width, height = photo->level[0].height;
    double most = (width < height ? width : height) / size;
    least = most < least ? most : least;
    double shrink = least * pow(most / least, mgm_random_unit(random));
    double angle = mgm_random_range(random, -8, 8) * 0.017453292519943295;
    double flip = mgm_random_chance(random, 0.5) ? -1 : 1, half = shrink * size / 2;
    double x = mgm_random_range(random, half, width - half), y = mgm_random_range(random, half, height - half);
    struct mgm_affine map = {.a = shrink * cos(angle) * flip,
                             .b = -shrink * sin(angle),
                             .d = shrink * sin(angle) * flip,
                             .e = shrink * cos(angle)};
    map.c = x - (map.a + map.b) * size / 2;
    map.f = y - (map.d + map.e) * size / 2;
    mgm_pyramid_crop(photo, &map, size, dst);
}

enum mgm_status mgm_draw_background(struct mgm_context *ctx, struct mgm_random *random,
                                    const struct mgm_foreground_store *store, enum mgm_share share, int size, double closeup,
                                    float *dst, float *scratch, int *photo)
{
    static const struct mgm_recolour_range jitter = {
        .hue = 6, .saturation = 0.25, .gain = 0.12, .balance = 0.05, .gamma = 0.3, .contrast = 0.15};
    if (mgm_random_chance(random, 0.08)) {
        plain_background(random, size, dst, scratch);
        *photo = -1;
        return MGM_OK;
    }
    struct mgm_lease lease;
    *photo = mgm_store_choose_photo(store, share, random);
    TRY(mgm_store_take_photo(ctx, store, *photo, &lease));
    const bool enlarged = closeup > 0 && mgm_random_chance(random, closeup);
    photo_background(random, &lease.pyramid, size, enlarged ? 0.3 : 0.8, dst);
    mgm_lease_release(&lease);
    mgm_recolour(random, &jitter, dst, (size_t)size * size);
    return MGM_OK;
}

void mgm_defocus_background(struct mgm_random *random, int size, float *planes, float *scratch)
{
    double radius = exp(mgm_random_range(random, 0, log(8.0))) * sqrt(size / 256.0);
    radius = radius < MGM_DISC_RADIUS_MAX - 1 ? radius : MGM_DISC_RADIUS_MAX - 1;
    bool light = mgm_random_chance(random, 0.5); /* squared is nearly linear light, where highlights bloom into discs */
    bool smooth = mgm_random_chance(random, 0.5);
    size_t count = (size_t)size * size;
    for (size_t i = 0; light && i < 3 * count; i++)
        planes[i] *= planes[i];
    for (int c = 0; c < 3; c++)
        for (int pass = 0; pass < 1 + smooth; pass++)
            mgm_plane_disc(planes + c * count, size, smooth ? radius * 0.7 : radius, scratch);
    mgm_plane_clamp(planes, 3 * count);
    for (size_t i = 0; light && i < 3 * count; i++)
        planes[i] = sqrtf(planes[i]);
}

void mgm_camouflage(struct mgm_random *random, float *fg, const float *alpha, const float *bg, size_t count)
{
    double amount = mgm_random_range(random, 0.4, 0.8), weight = 1e-6, fg_sum[3] = {0}, bg_sum[3] = {0};
    for (size_t i = 0; i < count; i++) {
        weight += alpha[i];
        for (int c = 0; c < 3; c++) {
            fg_sum[c] += alpha[i] * fg[c * count + i];
            bg_sum[c] += bg[c * count + i];
        }
    }
    for (int c = 0; c < 3; c++) {
        float shift = (float)(amount * (bg_sum[c] / (double)count - fg_sum[c] / weight));
        for (size_t i = 0; i < count; i++)
            fg[c * count + i] += shift;
    }
    mgm_plane_clamp(fg, 3 * count);
}

MGM_KERNEL static void compose_plane(const float *restrict alpha, const float *restrict fg, const float *restrict bg,
                                     size_t count, float *restrict dst)
{
    for (size_t i = 0; i < count; i++)
        dst[i] = bg[i] + alpha[i] * (fg[i] - bg[i]);
}

void mgm_compose(const float *alpha, const float *fg, const float *bg, size_t count, float *dst)
{
    for (int c = 0; c < 3; c++)
        compose_plane(alpha, fg + c * count, bg + c * count, count, dst + c * count);
}
