#include "html.h"

#include <math.h>

/* Of the drawing, in its own units. */
enum { WIDTH = 560, HEIGHT = 250, LEFT = 62, RIGHT = 12, TOP = 46, BOTTOM = 24, POINTS_MAX = 400, DOTS_MOST = 30 };

static const char *const colours[HTML_SERIES_MAX] = {"#3b82f6", "#f97316", "#22a35a", "#a855f7",
                                                     "#e11d48", "#0ea5a5", "#b58900", "#8d99ae"};

/** What the axes show. */
struct scale {
    double low_x, high_x, low_y, high_y; /* y: of the logarithm, if that is shown */
    bool logarithmic;
};

static bool is_shown(const struct scale *scale, double y)
{
    return isfinite(y) && (!scale->logarithmic || y > 0);
}

static double height_of(const struct scale *scale, double y)
{
    return scale->logarithmic ? log10(y) : y;
}

static struct scale choose_scale(const struct html_series *series, int count, bool logarithmic)
{
    struct scale scale = {INFINITY, -INFINITY, INFINITY, -INFINITY, logarithmic};
    for (int s = 0; s < count; s++)
        for (int i = 0; i < series[s].count; i++) {
            if (!is_shown(&scale, series[s].y[i]))
                continue;
            const double x = series[s].x[i], y = height_of(&scale, series[s].y[i]);
            scale.low_x = fmin(scale.low_x, x);
            scale.high_x = fmax(scale.high_x, x);
            scale.low_y = fmin(scale.low_y, y);
            scale.high_y = fmax(scale.high_y, y);
        }
    if (!logarithmic && scale.low_y > 0 && scale.low_y < 0.6 * scale.high_y)
        scale.low_y = 0;
    if (scale.high_x <= scale.low_x)
        scale.high_x = scale.low_x + 1;
    const double room = scale.high_y > scale.low_y ? 0.04 * (scale.high_y - scale.low_y) : 0.5 * fabs(scale.high_y) + 1e-9;
    scale.high_y += room;
    if (scale.low_y != 0)
        scale.low_y -= room;
    return scale;
}

static double place_x(const struct scale *scale, double x)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (x - scale->low_x) / (scale->high_x - scale->low_x);
}

static double place_y(const struct scale *scale, double y)
{
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (y - scale->low_y) / (scale->high_y - scale->low_y);
}

/** The smallest of 1, 2, 5 times a power of ten that cuts the length into at most so many pieces. */
static double choose_step(double length, int most)
{
    double step = pow(10, floor(log10(length / most)));
    for (int i = 0; length / step > most; i++)
        step *= i % 3 == 1 ? 2.5 : 2;
    return step;
}

static void draw_level(GString *page, const struct scale *scale, double y, double value)
{
    const double at = place_y(scale, y);
    html_add(page, "<line class=\"grid\" x1=\"%d\" x2=\"%d\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, at, at);
    html_add(page, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.3g</text>", LEFT - 6, at + 4, value);
}

/** Round numbers, the fewer within a power of ten the more of these there are. */
static void draw_logarithmic_levels(GString *page, const struct scale *scale)
{
    static const double numbers[] = {1, 2, 5, 3, 1.5, 7, 4, 1.2, 2.5, 6};
    const double decades = scale->high_y - scale->low_y;
    const int count = decades > 3 ? 1 : decades > 1 ? 3 : decades > 0.5 ? 6 : 10;
    for (int power = (int)floor(scale->low_y); power <= (int)ceil(scale->high_y); power++)
        for (int i = 0; i < count; i++) {
            const double y = power + log10(numbers[i]);
            if (y >= scale->low_y && y <= scale->high_y)
                draw_level(page, scale, y, pow(10, y));
        }
}

static void draw_axes(GString *page, const struct scale *scale)
{
    const double step = choose_step(scale->high_y - scale->low_y, 6);
    for (double y = ceil(scale->low_y / step) * step; y <= scale->high_y && !scale->logarithmic; y += step)
        draw_level(page, scale, y, fabs(y) < step / 1e6 ? 0 : y);
    if (scale->logarithmic)
        draw_logarithmic_levels(page, scale);
    const double apart = fmax(1, choose_step(scale->high_x - scale->low_x, 6));
    for (double x = ceil(scale->low_x / apart) * apart; x <= scale->high_x; x += apart)
        html_add(page, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%.10g</text>", place_x(scale, x), HEIGHT - 7, x);
}

static void draw_line(GString *page, const struct scale *scale, const struct html_series *series, const char *colour)
{
    const int bundle = (series->count + POINTS_MAX - 1) / POINTS_MAX;
    html_add(page, "<polyline stroke=\"%s\" points=\"", colour);
    for (int i = 0; i < series->count; i += bundle) {
        double x = 0, y = 0;
        int shown = 0;
        for (int k = i; k < i + bundle && k < series->count; k++) {
            if (!is_shown(scale, series->y[k]))
                continue;
            x += series->x[k];
            y += height_of(scale, series->y[k]);
            shown++;
        }
        if (shown)
            html_add(page, "%.1f,%.1f ", place_x(scale, x / shown), place_y(scale, y / shown));
    }
    html_add(page, "\"/>");
    for (int i = 0; series->count <= DOTS_MOST && i < series->count; i++)
        if (is_shown(scale, series->y[i]))
            html_add(page, "<circle r=\"3\" fill=\"%s\" cx=\"%.1f\" cy=\"%.1f\"/>", colour, place_x(scale, series->x[i]),
                     place_y(scale, height_of(scale, series->y[i])));
}

void html_chart(GString *page, const char *title, const struct html_series *series, int count, bool logarithmic)
{
    const struct scale scale = choose_scale(series, count, logarithmic);
    if (!isfinite(scale.low_x) || !isfinite(scale.low_y))
        return; /* there is nothing to show */
    html_add(page, "<svg class=\"chart\" viewBox=\"0 0 %d %d\"><text class=\"title\" x=\"12\" y=\"18\">", WIDTH, HEIGHT);
    html_text(page, title);
    html_add(page, "%s</text>", logarithmic ? " (logarithmic)" : "");
    draw_axes(page, &scale);
    double at = 12;
    for (int s = 0; s < count && s < HTML_SERIES_MAX; s++) {
        draw_line(page, &scale, &series[s], colours[s]);
        if (count == 1)
            continue;
        html_add(page, "<rect x=\"%.0f\" y=\"28\" width=\"10\" height=\"4\" fill=\"%s\"/><text x=\"%.0f\" y=\"34\">", at,
                 colours[s], at + 14);
        html_text(page, series[s].name);
        html_add(page, "</text>");
        at += 28 + 6.2 * (double)g_utf8_strlen(series[s].name, -1);
    }
    html_add(page, "</svg>\n");
}
