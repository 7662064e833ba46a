/**
 * A picture cut into overlapping panes of one size, each of which the network sees by itself. Where panes overlap their
 * results are faded into each other: weights rise and fall along lines, and add up to 1 everywhere.
 */
#ifndef MGM_MATTING_PANES_H
#define MGM_MATTING_PANES_H

/** Pixels over which one pane fades into the next. */
enum { MGM_PANE_FADE = 32 };

struct mgm_panes {
    int height, width;   /* of the picture, multiples of 32 */
    int side_h, side_w;  /* of each pane, multiples of 32; the picture's where that is smaller */
    int rows, columns;
};

/**
 * As few panes as can be, and those as small as can be.
 * @param side  of a pane at most, a multiple of 32, above 2 · halo + 2 · MGM_PANE_FADE
 * @param halo  pixels along a pane's inner border whose results are not used, a multiple of 16
 */
struct mgm_panes mgm_panes_over(int height, int width, int side, int halo);

/** Where pane `index` of `count` along an axis begins: a multiple of 32. */
int mgm_pane_begin(int length, int side, int count, int index);

/**
 * Weights of one pane along an axis.
 * @param dst  f32 [side]: of each of its pixels
 */
void mgm_pane_weights(int length, int side, int count, int index, float *dst);

#endif
