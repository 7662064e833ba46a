/* Groomings from strand files, seen from a random side, over a body that fills the places where they root. */
#include "synth/painter.h"

#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SET_MAX = 4, COARSE = 64 };

struct groom {
    const struct mgm_strands *files[SET_MAX];
    int count;
    bool pelt;               /* roots all over a body (the bear), not on a head */
    float centre[3], extent; /* of the roots */
    float yaw[2], pitch[2];  /* cosine, sine */
    float x, y, scale;       /* on the picture */
};

struct placed {
    float depth;
    int order; /* settles ties */
    const float *positions;
    int vertices;
};

static int compare_placed(const void *a, const void *b)
{
    const struct placed *l = a, *r = b;
    if (l->depth != r->depth)
        return l->depth < r->depth ? -1 : 1;
    return l->order - r->order;
}

static const struct mgm_strands *find(struct painter *p, const char *prefix)
{
    const struct mgm_strands *found = NULL;
    int seen = 0;
    for (int i = 0; i < p->library->strand_count; i++) /* any of those that match, each as likely */
        if (strncmp(p->library->strand_names[i], prefix, strlen(prefix)) == 0 && synth_integer(p, 0, seen++) == 0)
            found = p->library->strands + i;
    return found;
}

static void choose(struct painter *p, struct groom *g)
{
    static const char *const ponytail[] = {"back", "side", "front_top", "tail"};
    memset(g, 0, sizeof *g);
    float u = synth_uniform(p, 0.0f, 1.0f);
    if (u < 0.4f && (g->files[0] = find(p, "bear")) != NULL) {
        g->count = 1;
        g->pelt = true;
        return;
    }
    if (u < 0.75f)
        for (int i = 0; i < 4; i++)
            if ((g->files[g->count] = find(p, ponytail[i])) != NULL)
                g->count++;
    if (g->count == 0 && (g->files[0] = find(p, u < 0.87f ? "Ratboy" : "TestHair")) != NULL)
        g->count = 1;
    if (g->count == 0) { /* none of the known ones: whatever there is */
        g->files[0] = p->library->strands + synth_integer(p, 0, p->library->strand_count - 1);
        g->count = 1;
    }
}

static void measure(struct groom *g)
{
    float low[3] = {1e9f, 1e9f, 1e9f}, high[3] = {-1e9f, -1e9f, -1e9f};
    for (int f = 0; f < g->count; f++) {
        for (int s = 0; s < g->files[f]->count; s++) {
            const float *root = g->files[f]->positions + (size_t)s * (size_t)g->files[f]->vertices * 3;
            for (int k = 0; k < 3; k++) {
                low[k] = fminf(low[k], root[k]);
                high[k] = fmaxf(high[k], root[k]);
            }
        }
    }
    for (int k = 0; k < 3; k++) {
        g->centre[k] = 0.5f * (low[k] + high[k]);
        g->extent = fmaxf(g->extent, 0.5f * (high[k] - low[k]));
    }
    g->extent = fmaxf(g->extent, 1e-4f);
}

/* Model to picture: x right, y down, z towards the viewer, in pixels. */
static void project(const struct groom *g, const float *position, float *out)
{
    float x = position[0] - g->centre[0], y = position[1] - g->centre[1], z = position[2] - g->centre[2];
    float rx = g->yaw[0] * x + g->yaw[1] * z, rz = g->yaw[0] * z - g->yaw[1] * x;
    float ry = g->pitch[0] * y - g->pitch[1] * rz;
    rz = g->pitch[1] * y + g->pitch[0] * rz;
    out[0] = g->x + g->scale * rx;
    out[1] = g->y - g->scale * ry;
    out[2] = g->scale * rz;
}

/* The area where strands root, as a smooth coverage on a coarse grid, painted as a shaded body. */
static void paint_pelt(struct painter *p, const struct groom *g, const struct material *material)
{
    float field[COARSE * COARSE] = {0}, smooth[COARSE * COARSE], cell = (float)p->size / COARSE;
    for (int s = 0; s < g->files[0]->count; s++) {
        float at[3];
        project(g, g->files[0]->positions + (size_t)s * (size_t)g->files[0]->vertices * 3, at);
        int x = (int)floorf(at[0] / cell), y = (int)floorf(at[1] / cell);
        if (x >= 0 && y >= 0 && x < COARSE && y < COARSE)
            field[y * COARSE + x] = 1.0f;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (int y = 0; y < COARSE; y++) {
            for (int x = 0; x < COARSE; x++) {
                float sum = 0.0f, weight = 0.0f;
                for (int j = y - 1; j <= y + 1; j++)
                    for (int i = x - 1; i <= x + 1; i++)
                        if (i >= 0 && j >= 0 && i < COARSE && j < COARSE) {
                            sum += field[j * COARSE + i];
                            weight += 1.0f;
                        }
                smooth[y * COARSE + x] = sum / weight;
            }
        }
        memcpy(field, smooth, sizeof field);
    }
    for (int y = 0; y < p->size; y++) {
        for (int x = 0; x < p->size; x++) {
            float fx = fminf(fmaxf(((float)x + 0.5f) / cell - 0.5f, 0.0f), COARSE - 1.001f);
            float fy = fminf(fmaxf(((float)y + 0.5f) / cell - 0.5f, 0.0f), COARSE - 1.001f);
            const float *a = field + (int)fy * COARSE + (int)fx;
            float tx = fx - floorf(fx), ty = fy - floorf(fy);
            float top = a[0] + (a[1] - a[0]) * tx, low = a[COARSE] + (a[COARSE + 1] - a[COARSE]) * tx;
            float covered = fminf((top + (low - top) * ty - 0.62f) * 5.0f, 1.0f);
            if (covered > 0.0f)
                synth_over(p->canvas, x, y, synth_rgb_clamp(synth_material_colour(material, (float)x, (float)y) * 0.5f),
                           covered);
        }
    }
}

static void draw_strand(struct painter *p, const struct groom *g, const struct placed *strand,
                        const struct material *material, const struct lock *style)
{
    struct guide guide;
    guide.count = strand->vertices < GUIDE_POINTS ? strand->vertices : GUIDE_POINTS;
    float z[GUIDE_POINTS], root[3];
    project(g, strand->positions, root);
    for (int i = 0; i < guide.count; i++) {
        float at[3];
        int vertex = i * (strand->vertices - 1) / (guide.count - 1);
        project(g, strand->positions + 3 * vertex, at);
        guide.x[i] = at[0];
        guide.y[i] = at[1];
        z[i] = at[2];
    }
    float inverse = 1.0f / (g->scale * g->extent), nx = (root[0] - g->x) * inverse, ny = (root[1] - g->y) * inverse;
    float lambert = fmaxf(nx * p->light.x + ny * p->light.y + root[2] * inverse * p->light.z, -0.5f);
    for (int i = 0; i < guide.count; i++) {
        int a = i > 0 ? i - 1 : 0, b = i + 1 < guide.count ? i + 1 : i;
        float t = (float)i / (float)(guide.count - 1);
        synth_guide_light(&p->light, &guide, i, guide.x[b] - guide.x[a], guide.y[b] - guide.y[a], z[b] - z[a],
                          (0.8f + 0.3f * lambert) * (0.65f + 0.5f * t));
    }
    struct lock lock = *style;
    v4 colour = synth_material_colour(material, root[0], root[1]) * p->light.tint * (1.0f + 0.08f * synth_normal(p));
    lock.root = colour * 0.8f;
    lock.tip = synth_mix(colour * 1.1f, style->tip, style->tip[3]);
    synth_lock_draw(p, &guide, &lock);
}

static struct lock style_of(struct painter *p, const struct groom *g, int strands)
{
    struct lock lock = synth_fur(p, p->unit * 20.0f).lock;
    float r = g->scale * g->extent;
    lock.wave = lock.round = 0.0f;
    lock.opacity = synth_uniform(p, 0.75f, 1.0f);
    lock.strands = g->pelt ? 1 : (int)fminf(fmaxf(24000.0f / (float)strands, 2.0f), 26.0f);
    lock.spread = g->pelt ? 0.5f * p->unit : r * synth_uniform(p, 0.03f, 0.07f);
    lock.gather = g->pelt ? 1.0f : synth_uniform(p, 0.4f, 1.3f);
    lock.frizz = (g->pelt ? p->unit * 1.0f : r * 0.03f) * synth_uniform(p, 0.3f, 1.5f);
    lock.radius = p->unit * (g->pelt ? synth_uniform(p, 0.35f, 0.8f) : synth_uniform(p, 0.25f, 0.6f));
    return lock;
}

static void place(struct painter *p, struct groom *g, struct part *torso, struct part *neck, struct part *head)
{
    float yaw = synth_uniform(p, 0.0f, 6.2832f), pitch = synth_uniform(p, -0.35f, 0.35f);
    g->yaw[0] = cosf(yaw);
    g->yaw[1] = sinf(yaw);
    g->pitch[0] = cosf(pitch);
    g->pitch[1] = sinf(pitch);
    if (g->pelt) {
        g->x = p->unit * synth_uniform(p, 170.0f, 342.0f);
        g->y = p->unit * synth_uniform(p, 200.0f, 340.0f);
        g->scale = p->unit * (synth_chance(p, 0.6f) ? synth_uniform(p, 170.0f, 400.0f) : synth_uniform(p, 350.0f, 750.0f)) /
                   g->extent;
        return;
    }
    synth_bust(p, torso, neck, head);
    g->x = head->x;
    g->y = head->y - 0.15f * head->ay;
    g->scale = head->ay * synth_uniform(p, 0.95f, 1.1f) / g->extent;
}

enum mgm_status synth_draw_groom(struct painter *p)
{
    struct groom g;
    struct part torso, neck, head;
    choose(p, &g);
    measure(&g);
    place(p, &g, &torso, &neck, &head);
    int total = 0, count = 0;
    for (int f = 0; f < g.count; f++)
        total += g.files[f]->count;
    struct placed *placed = mgm_alloc((size_t)total, sizeof *placed);
    if (!placed)
        return mgm_fail_nomem(p->ctx, "strands");
    for (int f = 0; f < g.count; f++) {
        for (int s = 0; s < g.files[f]->count; s++) {
            const float *positions = g.files[f]->positions + (size_t)s * (size_t)g.files[f]->vertices * 3;
            float at[3];
            project(&g, positions, at);
            placed[count] = (struct placed){at[2], count, positions, g.files[f]->vertices};
            count++;
        }
    }
    qsort(placed, (size_t)count, sizeof *placed, compare_placed);
    struct material material = synth_material(p, synth_colour_hair(p));
    struct lock lock = style_of(p, &g, total);
    int i = 0;
    for (; i < count && placed[i].depth < 0.0f; i++)
        draw_strand(p, &g, placed + i, &material, &lock);
    if (g.pelt)
        paint_pelt(p, &g, &material);
    else
        synth_bust_paint(p, &torso, &neck, &head);
    for (; i < count; i++)
        draw_strand(p, &g, placed + i, &material, &lock);
    mgm_free(placed);
    return MGM_OK;
}
