/**
 * What changes over a run: learning rate, where the masks come from, crop size. All of it follows from the iteration number,
 * so that a resumed run goes on exactly.
 */
#ifndef MGM_TRAIN_SCHEDULE_H
#define MGM_TRAIN_SCHEDULE_H

#include "base/context.h"

/** Linear warm-up to `peak` over the first `warmup` (a fraction) of the iterations, then a cosine to 0. Source: §4. */
double mgm_learning_rate(int64_t iteration, int64_t iterations, double warmup, double peak);

struct mgm_curriculum {
    double ground_truth; /* fraction of the run in which the masks come from the ground truth; default 0.05 */
    double mixed;        /* the fraction after it in which a coin decides, one for both levels; default 0.1 */
};

/** True if this iteration's masks come from the ground truth's unknown region, false if from the coarser prediction. */
bool mgm_curriculum_uses_truth(const struct mgm_curriculum *curriculum, uint64_t seed, int64_t iteration,
                               int64_t iterations);

/** Crops of one size for a part of the run. */
struct mgm_crop_phase {
    double until; /* fraction of the run at which the phase ends; the last one's is 1 */
    int size, batch;
};

/** Index of the phase that the iteration falls into; the last one if past all. */
int mgm_crop_phase_at(const struct mgm_crop_phase *phases, int count, int64_t iteration, int64_t iterations);

#endif
