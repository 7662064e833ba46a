/*
 * Each row is a list of runs of set pixels; runs of adjoining rows that touch are united (union-find). Memory follows the
 * number of runs, not of pixels. The root of a component is its first run, which settles what wins among equals.
 */
#include "image/components.h"

#include "base/memory.h"

#include <stdbool.h>
#include <string.h>

struct run {
    int begin, end; /* columns */
    size_t parent;  /* a run of the same component that comes no later */
    size_t pixels;  /* of the whole component, in its root */
};

/** Finds the next run at or after column *end. @return false if there is none in this row */
static bool next_run(const uint8_t *row, int w, int *begin, int *end)
{
    int x = *end;
    while (x < w && !row[x])
        x++;
    *begin = x;
    while (x < w && row[x])
        x++;
    *end = x;
    return *begin < x;
}

static size_t count_runs(const uint8_t *mask, int h, int w)
{
    size_t count = 0;
    for (int y = 0; y < h; y++)
        for (int begin, end = 0; next_run(mask + (size_t)y * (size_t)w, w, &begin, &end);)
            count++;
    return count;
}

static size_t find_root(struct run *runs, size_t i)
{
    while (runs[i].parent != i) {
        runs[i].parent = runs[runs[i].parent].parent;
        i = runs[i].parent;
    }
    return i;
}

static void unite(struct run *runs, size_t a, size_t b)
{
    a = find_root(runs, a);
    b = find_root(runs, b);
    if (a == b)
        return;
    const size_t first = a < b ? a : b, second = a < b ? b : a;
    runs[second].parent = first;
    runs[first].pixels += runs[second].pixels;
}

/** Unites the runs [middle, last) of a row with those of the row above, [first, middle), that they touch. */
static void unite_rows(struct run *runs, size_t first, size_t middle, size_t last, int reach)
{
    size_t above = first;
    for (size_t i = middle; i < last; i++) {
        while (above < middle && runs[above].end + reach <= runs[i].begin)
            above++;
        for (size_t k = above; k < middle && runs[k].begin < runs[i].end + reach; k++)
            unite(runs, k, i);
    }
}

/** @param reach  columns beyond its ends that a run touches in the next row */
static void list_runs(const uint8_t *mask, int h, int w, int reach, struct run *runs)
{
    size_t above = 0, count = 0;
    for (int y = 0; y < h; y++) {
        const size_t first = count;
        for (int begin, end = 0; next_run(mask + (size_t)y * (size_t)w, w, &begin, &end); count++)
            runs[count] = (struct run){begin, end, count, (size_t)(end - begin)};
        unite_rows(runs, above, first, count, reach);
        above = first;
    }
}

enum mgm_status mgm_keep_largest_component(struct mgm_context *ctx, uint8_t *mask, int h, int w,
                                           enum mgm_connectivity connectivity)
{
    const size_t count = count_runs(mask, h, w);
    if (count == 0)
        return MGM_OK;
    struct run *runs = mgm_alloc(count, sizeof *runs);
    if (!runs)
        return mgm_fail_nomem(ctx, "the components of a mask");
    list_runs(mask, h, w, connectivity == MGM_CONNECT_8, runs);
    size_t largest = 0; /* the first run is a root */
    for (size_t i = 1; i < count; i++)
        if (runs[i].parent == i && runs[i].pixels > runs[largest].pixels)
            largest = i;
    size_t i = 0;
    for (int y = 0; y < h; y++) {
        uint8_t *row = mask + (size_t)y * (size_t)w;
        for (int begin, end = 0; next_run(row, w, &begin, &end); i++)
            memset(row + begin, find_root(runs, i) == largest, (size_t)(end - begin));
    }
    mgm_free(runs);
    return MGM_OK;
}
