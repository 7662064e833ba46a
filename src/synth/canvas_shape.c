/* Outlines and thick lines: what has an inside. */
#include "synth/canvas.h"

#include <math.h>
#include <string.h>

struct box {
    int x0, y0, x1, y1;
};

static struct box clip_box(const struct canvas *c, float x0, float y0, float x1, float y1)
{
    struct box box = {(int)floorf(fmaxf(x0, 0.0f)), (int)floorf(fmaxf(y0, 0.0f)), (int)ceilf(fminf(x1, (float)c->width)),
                      (int)ceilf(fminf(y1, (float)c->height))};
    return box;
}

/* Adds one edge, within one row, to the running sums of signed area: see accumulate(). */
static void edge_in_row(float *row, int width, float x0, float x1, float dy)
{
    float left = fminf(fminf(x0, x1), (float)width), right = fminf(fmaxf(x0, x1), (float)width);
    left = fmaxf(left, 0.0f);
    right = fmaxf(right, 0.0f);
    int first = (int)left, last = (int)right;
    if (first >= width)
        return;
    if (first == last || right - left < 1e-6f) {
        float inside = 1.0f - (0.5f * (left + right) - (float)first);
        row[first] += dy * inside;
        if (first + 1 < width)
            row[first + 1] += dy * (1.0f - inside);
        return;
    }
    float per_x = dy / (right - left), before = 0.0f;
    for (int x = first; x <= last && x < width; x++) {
        float a = fmaxf(left, (float)x), b = fminf(right, (float)x + 1.0f);
        float height = fmaxf(b - a, 0.0f) * per_x;
        float inside = height * (1.0f - (0.5f * (a + b) - (float)x));
        row[x] += inside + before;
        before = height - inside;
    }
    if (last + 1 < width)
        row[last + 1] += before;
}

/* Signed area coverage: after a running sum along each row, every pixel holds how much of it the outline covers. */
static void accumulate(struct canvas *c, struct point a, struct point b)
{
    float sign = 1.0f;
    if (a.y > b.y) {
        struct point swap = a;
        a = b;
        b = swap;
        sign = -1.0f;
    }
    if (b.y - a.y < 1e-9f || b.y <= 0.0f || a.y >= (float)c->height)
        return;
    float slope = (b.x - a.x) / (b.y - a.y);
    int first = (int)fmaxf(a.y, 0.0f), last = (int)fminf(ceilf(b.y), (float)c->height);
    for (int y = first; y < last; y++) {
        float top = fmaxf(a.y, (float)y), bottom = fminf(b.y, (float)y + 1.0f);
        if (bottom <= top)
            continue;
        float x0 = a.x + (top - a.y) * slope, x1 = a.x + (bottom - a.y) * slope;
        edge_in_row(c->ground + (size_t)y * (size_t)c->width, c->width, x0, x1, sign * (bottom - top));
    }
}

void synth_fill(struct canvas *canvas, const struct point *outline, int count, synth_paint paint, const void *argument)
{
    float x0 = 1e9f, y0 = 1e9f, x1 = -1e9f, y1 = -1e9f;
    for (int i = 0; i < count; i++) {
        x0 = fminf(x0, outline[i].x);
        x1 = fmaxf(x1, outline[i].x);
        y0 = fminf(y0, outline[i].y);
        y1 = fmaxf(y1, outline[i].y);
        accumulate(canvas, outline[i], outline[(i + 1) % count]);
    }
    struct box box = clip_box(canvas, x0, y0, x1 + 2.0f, y1);
    for (int y = box.y0; y < box.y1; y++) {
        float *row = canvas->ground + (size_t)y * (size_t)canvas->width, sum = 0.0f;
        for (int x = box.x0; x < box.x1; x++) {
            sum += row[x];
            row[x] = 0.0f;
            float covered = fminf(fabsf(sum), 1.0f);
            if (covered < 1e-4f)
                continue;
            v4 colour = paint(argument, (float)x + 0.5f, (float)y + 0.5f);
            synth_over(canvas, x, y, colour, covered * colour[3]);
        }
    }
}

/* The capsule of one segment into the scratch planes: the largest coverage so far, and where across it lies. */
static void capsule(struct canvas *c, const struct stroke_point *a, const struct stroke_point *b)
{
    float reach = fmaxf(a->radius, b->radius) + 1.0f;
    struct box box = clip_box(c, fminf(a->x, b->x) - reach, fminf(a->y, b->y) - reach, fmaxf(a->x, b->x) + reach,
                              fmaxf(a->y, b->y) + reach);
    float dx = b->x - a->x, dy = b->y - a->y, square = fmaxf(dx * dx + dy * dy, 1e-6f), length = sqrtf(square);
    for (int y = box.y0; y < box.y1; y++) {
        for (int x = box.x0; x < box.x1; x++) {
            float px = (float)x + 0.5f - a->x, py = (float)y + 0.5f - a->y;
            float t = fminf(fmaxf((px * dx + py * dy) / square, 0.0f), 1.0f);
            float ex = px - t * dx, ey = py - t * dy, radius = a->radius + (b->radius - a->radius) * t;
            float covered = fminf(radius + 0.5f - sqrtf(ex * ex + ey * ey), fminf(2.0f * radius, 1.0f));
            size_t at = (size_t)y * (size_t)c->width + (size_t)x;
            if (covered <= c->ground[at])
                continue;
            c->ground[at] = covered;
            c->across[at] = (px * dy - py * dx) / (length * fmaxf(radius, 0.5f));
        }
    }
}

/* Paints what the capsules between two vertices left in the scratch planes. */
static void paint_tube(struct canvas *c, struct box box, const struct stroke_point *points, int count, float roundness)
{
    float dx = points[count - 1].x - points[0].x, dy = points[count - 1].y - points[0].y;
    float square = fmaxf(dx * dx + dy * dy, 1e-6f);
    for (int y = box.y0; y < box.y1; y++) {
        for (int x = box.x0; x < box.x1; x++) {
            size_t at = (size_t)y * (size_t)c->width + (size_t)x;
            float covered = c->ground[at];
            if (covered <= 0.0f)
                continue;
            c->ground[at] = 0.0f;
            float t = (((float)x + 0.5f - points[0].x) * dx + ((float)y + 0.5f - points[0].y) * dy) / square;
            float position = fminf(fmaxf(t, 0.0f), 1.0f) * (float)(count - 1);
            int i = position >= (float)(count - 1) ? count - 2 : (int)position;
            v4 colour = points[i].colour + (points[i + 1].colour - points[i].colour) * (position - (float)i);
            float opacity = colour[3];
            /* Lit from one side of the tube and dark at its edges. */
            float v = c->across[at] - 0.35f;
            float shade = 1.0f + roundness * (0.25f - 0.75f * v * v);
            synth_over(c, x, y, synth_rgb_clamp(colour * shade), covered * opacity);
        }
    }
}

void synth_tube(struct canvas *canvas, const struct stroke_point *points, int count, float roundness)
{
    if (count < 2)
        return;
    float x0 = 1e9f, y0 = 1e9f, x1 = -1e9f, y1 = -1e9f;
    for (int i = 0; i < count; i++) {
        float reach = points[i].radius + 1.5f;
        x0 = fminf(x0, points[i].x - reach);
        x1 = fmaxf(x1, points[i].x + reach);
        y0 = fminf(y0, points[i].y - reach);
        y1 = fmaxf(y1, points[i].y + reach);
    }
    struct box box = clip_box(canvas, x0, y0, x1, y1);
    for (int i = 0; i + 1 < count; i++)
        capsule(canvas, points + i, points + i + 1);
    paint_tube(canvas, box, points, count, roundness);
}
