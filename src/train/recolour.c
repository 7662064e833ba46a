#include "train/recolour.h"

#include "base/parallel.h"

#include <math.h>

enum { STEPS = 1024 };

static double factor(struct mgm_random *random, double range)
{
    return exp(mgm_random_range(random, -range, range));
}

/** Rotation about the grey axis by `degrees`, chroma scaled by `saturation`, channels scaled by `gain`. */
static void colour_matrix(double degrees, double saturation, const double gain[3], float matrix[3][3])
{
    double c = saturation * cos(degrees * 0.017453292519943295), s = saturation * sin(degrees * 0.017453292519943295);
    double skew = 0.5773502691896258;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            double turn = i == j ? 0 : (j == (i + 1) % 3 ? -skew : skew);
            matrix[i][j] = (float)(gain[i] * (c * (i == j) + s * turn + (1 - c) / 3));
        }
}

/** Gamma, then contrast around middle grey that keeps black and white where they are (no new clipping). */
static void tone_curve(double gamma, double contrast, float curve[STEPS + 1])
{
    for (int i = 0; i <= STEPS; i++) {
        double v = pow((double)i / STEPS, gamma);
        double bent = v < 0.5 ? 0.5 * pow(2 * v, contrast) : 1 - 0.5 * pow(2 - 2 * v, contrast);
        curve[i] = (float)bent;
    }
}

MGM_KERNEL static void multiply(const float matrix[3][3], float *restrict r, float *restrict g, float *restrict b,
                                size_t count)
{
    for (size_t i = 0; i < count; i++) {
        float x = r[i], y = g[i], z = b[i];
        float p = matrix[0][0] * x + matrix[0][1] * y + matrix[0][2] * z;
        float q = matrix[1][0] * x + matrix[1][1] * y + matrix[1][2] * z;
        float s = matrix[2][0] * x + matrix[2][1] * y + matrix[2][2] * z;
        r[i] = p < 0 ? 0 : p > 1 ? 1 : p;
        g[i] = q < 0 ? 0 : q > 1 ? 1 : q;
        b[i] = s < 0 ? 0 : s > 1 ? 1 : s;
    }
}

MGM_KERNEL static void look_up(const float *restrict curve, float *restrict values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = curve[(int)(values[i] * STEPS + 0.5f)];
}

void mgm_recolour(struct mgm_random *random, const struct mgm_recolour_range *range, float *planes, size_t count)
{
    double turn = mgm_random_normal(random);
    turn = range->hue * (turn < -2.5 ? -2.5 : turn > 2.5 ? 2.5 : turn);
    double saturation = factor(random, range->saturation), brightness = factor(random, range->gain);
    double gain[3];
    for (int c = 0; c < 3; c++)
        gain[c] = brightness * factor(random, range->balance);
    float matrix[3][3], curve[STEPS + 1];
    colour_matrix(turn, saturation, gain, matrix);
    double gamma = factor(random, range->gamma), contrast = factor(random, range->contrast);
    tone_curve(gamma, contrast, curve);
    multiply((const float(*)[3])matrix, planes, planes + count, planes + 2 * count, count);
    look_up(curve, planes, 3 * count);
}
