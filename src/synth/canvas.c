#include "synth/canvas.h"

#include "base/memory.h"

#include <math.h>
#include <string.h>

enum mgm_status synth_canvas_create(struct mgm_context *ctx, int width, int height, struct canvas *out)
{
    size_t count = (size_t)width * (size_t)height;
    *out = (struct canvas){width, height, mgm_alloc_zeroed(count, sizeof *out->pixels),
                           mgm_alloc_zeroed(count + 2, sizeof *out->ground), mgm_alloc_zeroed(count, sizeof *out->across)};
    if (out->pixels && out->ground && out->across)
        return MGM_OK;
    synth_canvas_release(out);
    return mgm_fail_nomem(ctx, "a drawing surface");
}

void synth_canvas_release(struct canvas *canvas)
{
    mgm_free(canvas->pixels);
    mgm_free(canvas->ground);
    mgm_free(canvas->across);
    *canvas = (struct canvas){0};
}

v4 synth_rgb_clamp(v4 colour)
{
    for (int i = 0; i < 3; i++)
        colour[i] = fminf(fmaxf(colour[i], 0.0f), 1.0f);
    colour[3] = 1.0f;
    return colour;
}

/*
 * Walks along the longer of the two axes, one pixel centre at a time, so that consecutive segments neither overlap nor leave
 * a gap; across, the overlap of the line's extent with each pixel is its coverage.
 */
static void segment(struct canvas *c, const struct stroke_point *a, const struct stroke_point *b)
{
    bool steep = fabsf(b->y - a->y) > fabsf(b->x - a->x);
    if (steep ? b->y < a->y : b->x < a->x) {
        const struct stroke_point *swap = a;
        a = b;
        b = swap;
    }
    float u0 = steep ? a->y : a->x, u1 = steep ? b->y : b->x;
    float v0 = steep ? a->x : a->y, v1 = steep ? b->x : b->y;
    int u_end = steep ? c->height : c->width, v_end = steep ? c->width : c->height;
    if (!(u1 - u0 > 1e-6f) || u1 < 0.0f || u0 > (float)u_end || fmaxf(v0, v1) < -4.0f || fminf(v0, v1) > (float)v_end + 4.0f)
        return;
    int first = (int)ceilf(fmaxf(u0, 0.0f) - 0.5f), last = (int)ceilf(fminf(u1, (float)u_end) - 0.5f);
    float inverse = 1.0f / (u1 - u0), slope = (v1 - v0) * inverse, widen = sqrtf(1.0f + slope * slope);
    size_t u_step = steep ? (size_t)c->width : 1, v_step = steep ? 1 : (size_t)c->width;
    v4 colour_step = b->colour - a->colour;
    for (int u = first; u < last; u++) {
        float t = ((float)u + 0.5f - u0) * inverse;
        float v = v0 + (v1 - v0) * t;
        float half = (a->radius + (b->radius - a->radius) * t) * widen;
        v4 colour = a->colour + colour_step * t;
        float opacity = colour[3];
        colour[3] = 1.0f;
        float low = v - half, high = v + half;
        if (!(low < (float)v_end && high > 0.0f)) /* both ends may be far outside, and what lies between them pass by */
            continue;
        if (low < 0.0f)
            low = 0.0f;
        if (high > (float)v_end)
            high = (float)v_end;
        v4 *pixel = c->pixels + (size_t)u * u_step + (size_t)low * v_step;
        for (int p = (int)low; (float)p < high; p++, pixel += v_step) {
            float covered = fminf((float)p + 1.0f, high) - fmaxf((float)p, low);
            float weight = covered * opacity;
            *pixel = colour * weight + *pixel * (1.0f - weight);
        }
    }
}

void synth_strand(struct canvas *canvas, const struct stroke_point *points, int count)
{
    for (int i = 0; i + 1 < count; i++)
        segment(canvas, points + i, points + i + 1);
}

void synth_disc(struct canvas *canvas, float x, float y, float radius, float softness, v4 colour)
{
    int x0 = (int)fmaxf(x - radius - 1.0f, 0.0f), x1 = (int)fminf(x + radius + 2.0f, (float)canvas->width);
    int y0 = (int)fmaxf(y - radius - 1.0f, 0.0f), y1 = (int)fminf(y + radius + 2.0f, (float)canvas->height);
    float fade = fmaxf(radius * softness, 1.0f), peak = fminf(2.0f * radius, 1.0f);
    for (int py = y0; py < y1; py++) {
        for (int px = x0; px < x1; px++) {
            float dx = (float)px + 0.5f - x, dy = (float)py + 0.5f - y;
            float covered = fminf((radius + 0.5f - sqrtf(dx * dx + dy * dy)) / fade, peak);
            if (covered > 0.0f)
                synth_over(canvas, px, py, colour, covered * colour[3]);
        }
    }
}

void synth_canvas_merge(struct canvas *canvas, const struct canvas *layer)
{
    size_t count = (size_t)canvas->width * (size_t)canvas->height;
    for (size_t i = 0; i < count; i++)
        canvas->pixels[i] = layer->pixels[i] + canvas->pixels[i] * (1.0f - layer->pixels[i][3]);
}
