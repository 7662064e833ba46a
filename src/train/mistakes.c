#include "train/mistakes.h"

#include "train/plane.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/** A pixel inside the foreground, or one outside it and near it; its place in the plane, −1 if a few draws found none. */
static long choose_centre(const struct mgm_mistakes *m, bool inside)
{
    const int size = m->size, reach = size / 8;
    for (int tries = 0; tries < 40; tries++) {
        const int x = mgm_random_int(m->random, 0, size - 1), y = mgm_random_int(m->random, 0, size - 1);
        const int near_x = x + mgm_random_int(m->random, -reach, reach),
                  near_y = y + mgm_random_int(m->random, -reach, reach);
        const float here = m->alpha[(size_t)y * size + x];
        if (inside && here > 0.98f)
            return (long)y * size + x;
        if (!inside && here < 0.02f && near_x >= 0 && near_x < size && near_y >= 0 && near_y < size &&
            m->alpha[(size_t)near_y * size + near_x] > 0.98f)
            return (long)y * size + x;
    }
    return -1;
}

/* ---- blobs -------------------------------------------------------------------------------------------------------------
 */

/** An ellipse with a wavy outline. */
struct blob {
    int x, y; /* its middle */
    double radius, long_side, c, s, wave, phase;
    int waves;
};

static struct blob draw_blob(const struct mgm_mistakes *m, long centre, double least, double range)
{
    struct blob b = {.x = (int)(centre % m->size), .y = (int)(centre / m->size)};
    b.radius = m->size * least * pow(range, mgm_random_unit(m->random));
    const double angle = mgm_random_range(m->random, 0, 3.1416);
    b.long_side = b.radius * exp(mgm_random_range(m->random, 0, 0.7));
    b.wave = mgm_random_range(m->random, 0, 0.25);
    b.c = cos(angle);
    b.s = sin(angle);
    b.phase = mgm_random_range(m->random, 0, 6.2832);
    b.waves = mgm_random_int(m->random, 2, 5);
    return b;
}

static bool is_in(const struct blob *b, int x, int y)
{
    const double u = (b->c * (x - b->x) + b->s * (y - b->y)) / b->long_side,
                 v = (b->c * (y - b->y) - b->s * (x - b->x)) / b->radius;
    return sqrt(u * u + v * v) < 1 + b->wave * cos(b->waves * atan2(v, u) + b->phase);
}

/** Its part inside the crop is in [x0, x1) × [y0, y1). */
static void bounds(const struct blob *b, int size, int *x0, int *y0, int *x1, int *y1)
{
    const int reach = (int)(b->long_side * 1.3) + 1;
    *x0 = b->x < reach ? 0 : b->x - reach;
    *y0 = b->y < reach ? 0 : b->y - reach;
    *x1 = b->x + reach < size ? b->x + reach + 1 : size;
    *y1 = b->y + reach < size ? b->y + reach + 1 : size;
}

static void fill_blob(const struct mgm_mistakes *m, long centre, float value, float *guidance)
{
    const struct blob blob = draw_blob(m, centre, 0.02, 6);
    int x0, y0, x1, y1;
    bounds(&blob, m->size, &x0, &y0, &x1, &y1);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            if (is_in(&blob, x, y))
                guidance[(size_t)y * m->size + x] = value;
}

static float colour_distance(const struct mgm_mistakes *m, size_t i, const float colour[3])
{
    const size_t count = (size_t)m->size * m->size;
    float sum = 0;
    for (size_t c = 0; c < 3; c++) {
        const float d = m->image[c * count + i] - colour[c];
        sum += d * d;
    }
    return sqrtf(sum);
}

/** How much the colour at a place differs from what is around it, of the foreground. */
static float stands_out(const struct mgm_mistakes *m, long centre)
{
    const size_t count = (size_t)m->size * m->size;
    const int reach = m->size / 10, cx = (int)(centre % m->size), cy = (int)(centre / m->size);
    const float colour[3] = {m->image[centre], m->image[count + (size_t)centre], m->image[2 * count + (size_t)centre]};
    float sum = 0;
    int around = 0;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            const int x = cx + dx * reach, y = cy + dy * reach;
            if (x < 0 || y < 0 || x >= m->size || y >= m->size || m->alpha[(size_t)y * m->size + x] <= 0.98f)
                continue;
            sum += colour_distance(m, (size_t)y * m->size + x, colour);
            around++;
        }
    return around > 4 ? sum / (float)around : 0; /* the centre is one of them; near the border little is around it */
}

/** Of a few pixels inside the foreground the one that stands out most, as a mouth, an eye or a button does. */
static long choose_feature(const struct mgm_mistakes *m)
{
    enum { CANDIDATES = 8 };
    long best = -1;
    float most = -1;
    for (int i = 0; i < CANDIDATES; i++) {
        const long centre = choose_centre(m, true);
        const float out = centre >= 0 ? stands_out(m, centre) : -1;
        if (out > most) {
            most = out;
            best = centre;
        }
    }
    return best;
}

/** What has about the colour of the centre, in a larger blob, with an outline smoother than the picture's own. */
static void fill_part(const struct mgm_mistakes *m, long centre, float value, float *guidance)
{
    const size_t count = (size_t)m->size * m->size;
    const struct blob blob = draw_blob(m, centre, 0.04, 4);
    const float colour[3] = {m->image[centre], m->image[count + (size_t)centre], m->image[2 * count + (size_t)centre]};
    const float tolerance = (float)mgm_random_range(m->random, 0.06, 0.25);
    int x0, y0, x1, y1;
    bounds(&blob, m->size, &x0, &y0, &x1, &y1);
    memset(m->field, 0, count * sizeof *m->field);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++) {
            const size_t i = (size_t)y * m->size + x;
            m->field[i] = is_in(&blob, x, y) && colour_distance(m, i, colour) < tolerance;
        }
    mgm_plane_disc(m->field, m->size, fmin(mgm_random_range(m->random, 1, 4) * m->size / 256, MGM_DISC_RADIUS_MAX - 1),
                   m->scratch);
    for (int y = y0; y < y1; y++)
        for (int x = x0; x < x1; x++)
            if (m->field[(size_t)y * m->size + x] > 0.5f)
                guidance[(size_t)y * m->size + x] = value;
}

void mgm_mistake_blobs(const struct mgm_mistakes *m, float *guidance)
{
    const int count = mgm_random_int(m->random, 1, 3);
    for (int i = 0; i < count; i++) {
        const bool missing = mgm_random_chance(m->random, 0.6),
                   follows = m->follow > 0 && mgm_random_chance(m->random, m->follow);
        const long centre = follows && missing ? choose_feature(m) : choose_centre(m, missing);
        if (centre >= 0)
            (follows ? fill_part : fill_blob)(m, centre, missing ? 0 : 1, guidance);
    }
}

/* ---- lines and patches -------------------------------------------------------------------------------------------------
 */

/** A strip of the crop that runs in direction (c, s). */
struct strip {
    double c, s, middle, half_width;
};

/** How far along the strip the pixel lies. @return whether it is in the strip */
static bool along(const struct strip *strip, int x, int y, double *far)
{
    *far = strip->c * x + strip->s * y;
    return fabs(strip->c * y - strip->s * x - strip->middle) < strip->half_width;
}

void mgm_mistake_line(const struct mgm_mistakes *m, float *guidance)
{
    const int size = m->size;
    const double angle = mgm_random_range(m->random, 0, 6.2832);
    struct strip strip = {.c = cos(angle), .s = sin(angle), .half_width = size * mgm_random_range(m->random, 0.06, 0.3)};
    const double depth = size * 0.015 * pow(7, mgm_random_unit(m->random));
    const bool missing = mgm_random_chance(m->random, 0.6);
    const long centre = choose_centre(m, true);
    if (centre < 0)
        return;
    strip.middle = strip.c * (double)(centre / size) - strip.s * (double)(centre % size);
    double end = -4.0 * size, far;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            if (guidance[(size_t)y * size + x] > 0.5f && along(&strip, x, y, &far) && far > end)
                end = far;
    for (int y = 0; y < size; y++)
        for (int x = 0; x < size; x++)
            if (along(&strip, x, y, &far) && far > end - depth && far <= end)
                guidance[(size_t)y * size + x] = missing ? 0 : 1;
}

void mgm_mistake_patch(const struct mgm_mistakes *m, float *guidance)
{
    struct mgm_random *random = m->random;
    int size = m->size, h = mgm_random_int(random, size / 4, size / 2), w = mgm_random_int(random, size / 4, size / 2);
    int from_x = mgm_random_int(random, 0, size - w), from_y = mgm_random_int(random, 0, size - h);
    int to_x = mgm_random_int(random, 0, size - w), to_y = mgm_random_int(random, 0, size - h);
    for (int i = 0; i < h; i++) {
        int y = to_y > from_y ? h - 1 - i : i; /* the two may overlap */
        memmove(guidance + (size_t)(to_y + y) * size + to_x, guidance + (size_t)(from_y + y) * size + from_x,
                (size_t)w * sizeof *guidance);
    }
}
