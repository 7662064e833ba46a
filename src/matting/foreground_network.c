#include "matting/foreground_network.h"

#include "matting/foreground_windows.h"
#include "matting/precision.h"

#include <math.h>

void mgm_colour_network_release(struct mgm_colour_network *network)
{
    mgm_infer_plan_destroy(&network->plan);
}

/** Makes the plan fit; it is kept while size, threads and precision stay the same. */
static enum mgm_status prepare(struct mgm_colour_network *network, int h, int w)
{
    struct mgm_context *ctx = network->ctx;
    enum mgm_precision precision = mgm_precision_of(ctx, mgm_precision_fastest(NULL));
    if (!mgm_precision_is_float(precision))
        precision = mgm_bf16_is_native() ? MGM_PRECISION_BF16 : MGM_PRECISION_F32;
    const struct mgm_infer_plan_settings wanted = {.n = 1, .h = h, .w = w, .threads = ctx->threads, .precision = precision};
    const struct mgm_infer_plan_settings *have = &network->settings;
    if (network->plan && have->h == h && have->w == w && have->threads == wanted.threads && have->precision == precision)
        return MGM_OK;
    mgm_infer_plan_destroy(&network->plan);
    const struct mgm_model *model = network->model;
    TRY(mgm_model_hold_params(ctx, model));
    const enum mgm_status status = mgm_infer_plan_create(ctx, &model->graph, &model->params, &wanted, &network->plan);
    mgm_model_drop_params(model);
    network->settings = wanted;
    return status;
}

/** Beyond the piece it is mirrored; the border pixel is not repeated. */
static int mirror(int i, int side)
{
    while (side > 1 && (i < 0 || i >= side))
        i = i < 0 ? -i : 2 * side - 2 - i;
    return side > 1 ? i : 0;
}

static void pack_window(const struct mgm_colour_network *network, const struct mgm_colour_piece *piece,
                        const struct mgm_window *window, float *input)
{
    const struct mgm_infer_plan_settings *s = &network->settings;
    const enum mgm_colour_kind kind = network->model->kind;
    for (int y = 0; y < s->h; y++) {
        const size_t row = (size_t)mirror(window->top + y, piece->h) * (size_t)piece->w;
        for (int x = 0; x < s->w; x++, input += mgm_colour_inputs(kind)) {
            const size_t at = row + (size_t)mirror(window->left + x, piece->w);
            if (kind == MGM_COLOUR_REFINING)
                mgm_refinement_input(piece->image + 3 * at, piece->alpha[at], piece->estimate + MGM_ESTIMATE_STRIDE * at,
                                     input);
            else
                mgm_foreground_pixel(piece->image + 3 * at, piece->alpha[at], input);
        }
    }
}

/** @return whether all of the network's values are finite */
static bool take_window(const struct mgm_colour_network *network, const struct mgm_colour_piece *piece,
                        const struct mgm_window *window, const float *output, float *colours)
{
    const size_t width = (size_t)network->settings.w;
    bool finite = true;
    for (int y = window->y0; y < window->y1; y++)
        for (int x = window->x0; x < window->x1; x++) {
            const size_t at = (size_t)y * (size_t)piece->w + (size_t)x;
            const float alpha = piece->wanted[at];
            const float *raw =
                output + MGM_FOREGROUND_OUTPUTS * ((size_t)(y - window->top) * width + (size_t)(x - window->left));
            if (!(alpha > 0 && alpha < 1))
                continue;
            for (size_t c = 0; c < 3; c++) {
                finite &= isfinite(raw[c]) != 0;
                colours[3 * at + c] =
                    network->model->kind == MGM_COLOUR_REFINING
                        ? piece->estimate[MGM_ESTIMATE_STRIDE * at + c] + mgm_refinement_share(alpha) * raw[c]
                        : mgm_foreground_of(piece->image[3 * at + c], alpha, raw[c]);
            }
        }
    return finite;
}

enum mgm_status mgm_colour_network_run(struct mgm_colour_network *network, const struct mgm_colour_piece *piece,
                                       float *colours, size_t *computed)
{
    struct mgm_window window = {0};
    while (mgm_window_next(piece->wanted, piece->h, piece->w, &window)) {
        TRY(prepare(network, mgm_window_side(piece->h), mgm_window_side(piece->w)));
        pack_window(network, piece, &window, mgm_infer_plan_input(network->plan));
        TRY(mgm_infer_plan_run(network->plan));
        if (!take_window(network, piece, &window, mgm_infer_plan_output(network->plan, 0), colours))
            return mgm_fail(network->ctx, MGM_E_FORMAT,
                            "the weights of '%s' are damaged: they give values that are not finite", network->model->name);
        *computed += (size_t)network->settings.h * (size_t)network->settings.w;
    }
    return MGM_OK;
}
