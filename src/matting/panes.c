#include "matting/panes.h"

enum { GRAIN = 32 };

/* @param side  at most; receives what suffices */
static int count_along(int length, int *side, int overlap)
{
    const int count = length <= *side ? 1 : 1 + (length - *side + *side - overlap - 1) / (*side - overlap);
    *side = ((length + (count - 1) * overlap + count - 1) / count + GRAIN - 1) / GRAIN * GRAIN;
    return count;
}

struct mgm_panes mgm_panes_over(int height, int width, int side, int halo)
{
    /* Beginnings are rounded to the grain, which may take as much from an overlap. */
    const int overlap = 2 * halo + MGM_PANE_FADE + GRAIN;
    struct mgm_panes panes = {.height = height, .width = width, .side_h = side, .side_w = side};
    panes.rows = count_along(height, &panes.side_h, overlap);
    panes.columns = count_along(width, &panes.side_w, overlap);
    return panes;
}

int mgm_pane_begin(int length, int side, int count, int index)
{
    if (index == 0)
        return 0;
    const long long way = (long long)(length - side) * index / (count - 1);
    return (int)(way / GRAIN * GRAIN);
}

/* How much of a pane, not of the one before it, counts at `at`: both fade around the middle of what they share. */
static float share_of(int length, int side, int count, int index, int at)
{
    if (index == 0)
        return 1;
    if (index == count)
        return 0;
    const int begin = mgm_pane_begin(length, side, count, index);
    const int end = mgm_pane_begin(length, side, count, index - 1) + side;
    const float share = ((float)(2 * at + 1 - begin - end) / 2 + MGM_PANE_FADE / 2) / MGM_PANE_FADE;
    return share < 0 ? 0 : share > 1 ? 1 : share;
}

void mgm_pane_weights(int length, int side, int count, int index, float *dst)
{
    const int begin = mgm_pane_begin(length, side, count, index);
    for (int i = 0; i < side; i++)
        dst[i] = share_of(length, side, count, index, begin + i) - share_of(length, side, count, index + 1, begin + i);
}
