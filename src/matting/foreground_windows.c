#include "matting/foreground_windows.h"

#include "matting/frame.h"

static bool is_mixed(float alpha)
{
    return alpha > 0 && alpha < 1;
}

int mgm_window_side(int side)
{
    const int whole = (side + MGM_NETWORK_GRAIN - 1) / MGM_NETWORK_GRAIN * MGM_NETWORK_GRAIN;
    return whole < MGM_WINDOW_SIZE ? whole : MGM_WINDOW_SIZE;
}

/** How much of a picture's side one window can give: all that fits into it, or what lies between its margins. */
static int taken(int side)
{
    return side <= MGM_WINDOW_SIZE ? side : MGM_WINDOW_SIZE - 2 * MGM_WINDOW_MARGIN;
}

/** Where a window begins whose results are taken from `first` on. */
static int origin(int first, int side)
{
    const int last = side - mgm_window_side(side), wanted = first - MGM_WINDOW_MARGIN;
    return last <= 0 || wanted <= 0 ? 0 : wanted < last ? wanted : last;
}

/** The first row from y on that has a mixed pixel, or h. */
static int first_row(const float *alpha, int h, int w, int y)
{
    for (; y < h; y++)
        for (int x = 0; x < w; x++)
            if (is_mixed(alpha[(size_t)y * (size_t)w + (size_t)x]))
                return y;
    return h;
}

/** The first column from x on that has one in rows y0 … y1 − 1, or w. */
static int first_column(const float *alpha, int w, int y0, int y1, int x)
{
    int first = w;
    for (int y = y0; y < y1; y++)
        for (int i = x; i < first; i++)
            if (is_mixed(alpha[(size_t)y * (size_t)w + (size_t)i]))
                first = i;
    return first;
}

bool mgm_window_next(const float *alpha, int h, int w, struct mgm_window *window)
{
    int x = window->y1 > 0 ? first_column(alpha, w, window->y0, window->y1, window->x1) : w;
    if (x == w) { /* the next row of windows begins where something is left to do, and so does each window in it */
        window->y0 = first_row(alpha, h, w, window->y1);
        if (window->y0 == h)
            return false;
        window->y1 = window->y0 + taken(h) < h ? window->y0 + taken(h) : h;
        x = first_column(alpha, w, window->y0, window->y1, 0);
    }
    window->x0 = x;
    window->x1 = x + taken(w) < w ? x + taken(w) : w;
    window->left = origin(window->x0, w);
    window->top = origin(window->y0, h);
    return true;
}
