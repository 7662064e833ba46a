/** Where a mask is plainly wrong, not only rough along its border: what a segmentation misses or takes along. */
#ifndef MGM_TRAIN_MISTAKES_H
#define MGM_TRAIN_MISTAKES_H

#include "base/random.h"

/** A crop whose mask gets mistakes, of at most 2,048 pixels. */
struct mgm_mistakes {
    struct mgm_random *random;
    int size;
    const float *alpha;     /* the true one, [size, size] */
    double follow;          /* share of the blobs that follow the image; 0: the three below are not needed */
    const float *image;     /* [3, size, size] */
    float *field, *scratch; /* size² floats; mgm_plane_scratch(size) floats */
};

/**
 * One to three blobs: what a segmentation misses inside a body (a mouth, a button, a piece of a limb), and what it takes along
 * beside it. Small enough for the rest of the mask to say what is wanted; unlike CutMask's patches they have no straight
 * borders to be told by. Those that follow the image are of one colour in it, and end where that does;
 * those of them that are missed are where something stands out from what is around it.
 * @param guidance  f32 [size, size], changed; none of the planes above
 */
void mgm_mistake_blobs(const struct mgm_mistakes *m, float *guidance);

/**
 * A piece of the mask ends in a straight line: what stands out beyond it is missing, or the line is filled up to. So do
 * hand-drawn polygons, and segmentations at a low resolution.
 */
void mgm_mistake_line(const struct mgm_mistakes *m, float *guidance);

/** CutMask (§3.1): a patch of 1/4 … 1/2 of each side copied over another place. */
void mgm_mistake_patch(const struct mgm_mistakes *m, float *guidance);

#endif
