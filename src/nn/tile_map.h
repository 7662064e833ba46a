/**
 * A layer's result, of which only some tiles may be there.
 */
#ifndef MGM_NN_TILE_MAP_H
#define MGM_NN_TILE_MAP_H

#include "nn/train_plan.h"

/**
 * One picture's result [h, w, c], cut into tiles [tile_h, tile_w, c], the first at (0, 0); those at the right and at the bottom
 * may reach beyond it. A map that is there as a whole is one tile.
 */
struct mgm_tile_map {
    const void *values; /* [slots, tile_h, tile_w, c] in the backend's memory; with a block [slots, c / block, tile_h, tile_w, block] */
    enum mgm_precision precision;
    int h, w, c, block; /* block as in struct mgm_spatial */
    int tile_h, tile_w;
    const int *slots; /* [rows of tiles, columns of tiles], host memory; −1: not there. NULL: one tile, slot 0 */
};

/** Windows [h, w] whose upper left corners are given as y, x in host memory; they may reach beyond a map. */
struct mgm_windows {
    int count, h, w;
    const int *corners; /* [count, 2] */
};

/**
 * Copies windows out of a map, as channels last: dst [count, h, w, c], of the map's type. Zeros stand where the picture ends and
 * where a tile is not there. Host memory (the CPU backend's gather()).
 */
void mgm_gather_windows(int threads, const struct mgm_tile_map *src, const struct mgm_windows *windows, void *dst);

#endif
