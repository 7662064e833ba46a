#include "train/schedule.h"

#include "base/random.h"

#include <math.h>

enum { COIN_KEY = 0x6d61736b }; /* keeps the coins apart from the streams that draw samples */

double mgm_learning_rate(int64_t iteration, int64_t iterations, double warmup, double peak)
{
    double rising = floor(warmup * (double)iterations);
    if ((double)iteration < rising)
        return peak * (double)(iteration + 1) / rising;
    double falling = (double)iterations - rising;
    double progress = falling > 0 ? fmin(1, ((double)iteration - rising) / falling) : 1;
    return peak * 0.5 * (1 + cos(3.14159265358979323846 * progress));
}

bool mgm_curriculum_uses_truth(const struct mgm_curriculum *curriculum, uint64_t seed, int64_t iteration, int64_t iterations)
{
    double at = (double)iteration / (double)iterations;
    if (at < curriculum->ground_truth)
        return true;
    if (at >= curriculum->ground_truth + curriculum->mixed)
        return false;
    struct mgm_random random = mgm_random_stream(seed ^ COIN_KEY, (uint64_t)iteration);
    return mgm_random_chance(&random, 0.5);
}

int mgm_crop_phase_at(const struct mgm_crop_phase *phases, int count, int64_t iteration, int64_t iterations)
{
    double at = (double)iteration / (double)iterations;
    for (int i = 0; i < count - 1; i++)
        if (at < phases[i].until)
            return i;
    return count - 1;
}
