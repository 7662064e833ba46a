/**
 * Which windows of a picture the colour network is run on: as few as cover every pixel whose alpha is neither 0 nor 1, each with a
 * margin of its surroundings.
 */
#ifndef MGM_MATTING_FOREGROUND_WINDOWS_H
#define MGM_MATTING_FOREGROUND_WINDOWS_H

#include "base/context.h"

/** A window's place in the picture, and the part of it whose results are taken. */
struct mgm_window {
    int left, top;           /* of the window; within the picture, unless that is smaller than a window */
    int x0, y0, x1, y1;      /* taken, in the picture's coordinates; x1 and y1 excluded */
};

enum {
    MGM_WINDOW_SIZE = 128,  /* at most; a multiple of what the network needs */
    MGM_WINDOW_MARGIN = 16, /* that a result has at least on all sides where the picture goes on */
};

/** Side of the windows for a picture's side: a multiple of 32, at most MGM_WINDOW_SIZE. */
int mgm_window_side(int side);

/**
 * The next window of a picture, in rows from the top.
 * @param alpha   f32 [h, w]
 * @param window  zeroed before the first call; afterwards the one before
 * @return false if there is none left
 */
bool mgm_window_next(const float *alpha, int h, int w, struct mgm_window *window);

#endif
