/* Which family is drawn, and what every picture undergoes afterwards: the lens, and straight colours. */
#include "synth/painter.h"

#include <math.h>

const char *const mgm_synth_kind_names[MGM_SYNTH_KIND_COUNT + 1] = {
    [MGM_SYNTH_GROOM] = "groom",     [MGM_SYNTH_FUR] = "fur",     [MGM_SYNTH_HAIR] = "hair",
    [MGM_SYNTH_SOLID] = "solid",     [MGM_SYNTH_PLANT] = "plant", [MGM_SYNTH_LATTICE] = "lattice",
    [MGM_SYNTH_FEATHER] = "feather", [MGM_SYNTH_GLASS] = "glass", [MGM_SYNTH_CARD] = "card",
    [MGM_SYNTH_OBJECT] = "object",
};

static const struct family {
    synth_family draw;
    double share;
} families[MGM_SYNTH_KIND_COUNT] = {
    [MGM_SYNTH_GROOM] = {synth_draw_groom, 0.15},     [MGM_SYNTH_FUR] = {synth_draw_fur, 0.21},
    [MGM_SYNTH_HAIR] = {synth_draw_hair, 0.22},       [MGM_SYNTH_SOLID] = {synth_draw_solid, 0.10},
    [MGM_SYNTH_PLANT] = {synth_draw_plant, 0.12},     [MGM_SYNTH_LATTICE] = {synth_draw_lattice, 0.07},
    [MGM_SYNTH_FEATHER] = {synth_draw_feather, 0.04}, [MGM_SYNTH_GLASS] = {synth_draw_glass, 0.03},
    [MGM_SYNTH_CARD] = {synth_draw_card, 0.03},       [MGM_SYNTH_OBJECT] = {synth_draw_object, 0.03},
};

enum { ATTEMPTS = 4 };

/* The least share of the picture that must be solid: a guidance mask is made from alpha, and must say what is wanted. */
static const double SOLID_SHARE = 0.08, SOLID_SHARE_GLASS = 0.03;

static bool can_draw(const struct mgm_synth_library *library, enum mgm_synth_kind kind)
{
    switch (kind) {
    case MGM_SYNTH_GROOM:
        return library->strand_count > 0;
    case MGM_SYNTH_CARD:
        return library->cards.count > 0;
    case MGM_SYNTH_OBJECT:
        return library->objects.count > 0;
    default:
        return true;
    }
}

static enum mgm_synth_kind random_kind(struct mgm_random *random, const struct mgm_synth_library *library)
{
    double total = 0;
    for (int k = 0; k < MGM_SYNTH_KIND_COUNT; k++)
        total += can_draw(library, k) ? families[k].share : 0;
    double u = mgm_random_range(random, 0, total);
    enum mgm_synth_kind last = MGM_SYNTH_FUR;
    for (int k = 0; k < MGM_SYNTH_KIND_COUNT; k++) {
        if (!can_draw(library, k))
            continue;
        last = k;
        if ((u -= families[k].share) < 0)
            break;
    }
    return last;
}

/* No lens is perfectly sharp; many pictures are out of focus somewhere, and a few were taken with a moving hand. */
static enum mgm_status apply_lens(struct painter *p)
{
    float u = synth_uniform(p, 0.0f, 1.0f), side = (float)p->size;
    if (u < 0.08f)
        return synth_canvas_motion(p->ctx, p->canvas, p->unit * synth_uniform(p, 2.0f, 14.0f),
                                   synth_uniform(p, 0.0f, 3.1416f));
    if (u < 0.28f) {
        float x = synth_uniform(p, 0.0f, side), y = synth_uniform(p, 0.0f, side), angle = synth_uniform(p, 0.0f, 6.2832f);
        float reach = side * synth_uniform(p, 0.3f, 0.9f);
        return synth_canvas_tilt(p->ctx, p->canvas, p->unit * synth_uniform(p, 1.2f, 6.0f), x, y, x + reach * cosf(angle),
                                 y + reach * sinf(angle));
    }
    float radius = u < 0.50f ? synth_uniform(p, 1.0f, 3.5f) : synth_uniform(p, 0.2f, 1.2f);
    return synth_canvas_defocus(p->ctx, p->canvas, p->unit * radius);
}

static double solid_share(const struct canvas *canvas)
{
    size_t count = (size_t)canvas->width * (size_t)canvas->height, solid = 0;
    for (size_t i = 0; i < count; i++)
        solid += canvas->pixels[i][3] > 0.9f;
    return (double)solid / (double)count;
}

static void clear(struct canvas *canvas)
{
    size_t count = (size_t)canvas->width * (size_t)canvas->height;
    for (size_t i = 0; i < count; i++)
        canvas->pixels[i] = (v4){0};
}

enum mgm_status mgm_synth_draw(struct mgm_context *ctx, const struct mgm_synth_library *library, uint64_t seed,
                               uint64_t index, enum mgm_synth_kind kind, int size, struct mgm_foreground *out)
{
    *out = (struct mgm_foreground){.kind = kind};
    if (size < 64 || size > 2048)
        return mgm_fail(ctx, MGM_E_INVALID, "a foreground of %d pixels: 64 … 2048 are expected", size);
    struct mgm_context own = {.threads = 1}; /* foregrounds are drawn many at a time, each by one thread */
    struct canvas canvas;
    TRY(synth_canvas_create(ctx, size, size, &canvas));
    struct painter painter = {.ctx = &own, .library = library, .random = mgm_random_stream(seed, index), .size = size};
    painter.unit = (float)size / 512.0f;
    painter.canvas = &canvas;
    if (kind == MGM_SYNTH_KIND_COUNT)
        kind = random_kind(&painter.random, library);
    out->kind = kind;
    enum mgm_status status = MGM_OK;
    if (!can_draw(library, kind)) {
        status = mgm_fail(ctx, MGM_E_INVALID, "the data folder lacks what foregrounds of kind '%s' are made from",
                          mgm_synth_kind_names[kind]);
        goto done;
    }
    double least = kind == MGM_SYNTH_GLASS ? SOLID_SHARE_GLASS : SOLID_SHARE;
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
        painter.light = synth_light(&painter);
        if ((status = families[kind].draw(&painter)) != MGM_OK || (status = apply_lens(&painter)) != MGM_OK)
            goto done;
        if (attempt == ATTEMPTS - 1 || solid_share(&canvas) >= least)
            break;
        clear(&canvas);
        if (attempt == ATTEMPTS - 2)
            kind = MGM_SYNTH_SOLID; /* unlucky three times: something certain */
    }
    out->kind = kind;
    status = synth_canvas_finish(&own, &canvas, &out->colour, &out->alpha);
done:
    if (status != MGM_OK && own.error[0])
        mgm_fail(ctx, status, "%s", own.error);
    synth_canvas_release(&canvas);
    return status;
}

void mgm_foreground_release(struct mgm_foreground *foreground)
{
    mgm_bitmap_release(&foreground->colour);
    mgm_bitmap_release(&foreground->alpha);
}
