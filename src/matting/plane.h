/**
 * A value for each pixel of a picture, kept at that picture's size or at a smaller one. In between, values are interpolated
 * bilinearly (half-pixel centres; outside, the border's values go on).
 */
#ifndef MGM_MATTING_PLANE_H
#define MGM_MATTING_PLANE_H

struct mgm_plane {
    const float *values; /* [height, width], borrowed */
    int width, height;
};

/**
 * What the plane says about a row of a picture.
 * @param width, height  of the picture
 * @param y              the row; each of columns[0 … count): in [0, width)
 * @param dst            f32 [count]
 */
void mgm_plane_read(const struct mgm_plane *plane, int width, int height, int y, const int *columns, int count, float *dst);

#endif
