/* What a batch comes to, on whatever backend, and with whatever other processes. */
#include "train/step_device.h"

#include <string.h>

/** Σg + ε of a level of the pyramid (0: also that of the other losses). */
static double denominator(const struct mgm_step_totals *totals, int head, int level)
{
    return (double)totals->counts[head][level] + MGM_LOSS_EPSILON;
}

void mgm_step_totals_share(struct mgm_communicator *together, struct mgm_step_totals *totals)
{
    enum { COUNTS = MGM_HEAD_COUNT * MGM_LAPLACIAN_LEVELS };
    struct {
        double counts[COUNTS], l1[MGM_HEAD_COUNT], composition[MGM_HEAD_COUNT], laplacian[COUNTS];
    } sums;
    uint64_t *counts = totals->counts[0];
    for (int i = 0; i < COUNTS; i++)
        sums.counts[i] = (double)counts[i]; /* exact up to 2^53 pixels */
    memcpy(sums.l1, totals->l1, sizeof sums.l1);
    memcpy(sums.composition, totals->composition, sizeof sums.composition);
    memcpy(sums.laplacian, totals->laplacian, sizeof sums.laplacian);
    mgm_communicator_sum_f64(together, (double *)&sums, sizeof sums / sizeof(double));
    for (int i = 0; i < COUNTS; i++)
        counts[i] = (uint64_t)sums.counts[i];
    memcpy(totals->l1, sums.l1, sizeof sums.l1);
    memcpy(totals->composition, sums.composition, sizeof sums.composition);
    memcpy(totals->laplacian, sums.laplacian, sizeof sums.laplacian);
}

struct mgm_step_scales mgm_step_scales(const struct mgm_objective *objective, const struct mgm_step_totals *totals)
{
    struct mgm_step_scales scales;
    const double *loss_weight = objective->loss_weight;
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        const double level_weight = objective->level_weight[head] / objective->divide_by;
        const double whole = denominator(totals, head, 0);
        scales.l1[head] = (float)(level_weight * loss_weight[MGM_LOSS_L1] / whole);
        scales.composition[head] = (float)(level_weight * loss_weight[MGM_LOSS_COMPOSITION] / whole);
        for (int level = 0; level < MGM_LAPLACIAN_LEVELS; level++)
            scales.laplacian[head][level] =
                (float)(level_weight * loss_weight[MGM_LOSS_LAPLACIAN] * (1 << level) / denominator(totals, head, level));
    }
    return scales;
}

struct mgm_step_losses mgm_step_losses_of(const struct mgm_objective *objective, const struct mgm_step_totals *totals,
                                          double pixels)
{
    struct mgm_step_losses losses = {0};
    for (int head = 0; head < MGM_HEAD_COUNT; head++) {
        const double whole = denominator(totals, head, 0);
        losses.mask_share[head] = whole / pixels;
        losses.value[MGM_LOSS_L1][head] = totals->l1[head] / whole;
        losses.value[MGM_LOSS_COMPOSITION][head] = totals->composition[head] / whole;
        for (int level = 0; level < MGM_LAPLACIAN_LEVELS; level++)
            losses.value[MGM_LOSS_LAPLACIAN][head] +=
                (1 << level) * totals->laplacian[head][level] / denominator(totals, head, level);
        for (int loss = 0; loss < MGM_LOSS_COUNT; loss++)
            losses.total += objective->loss_weight[loss] * objective->level_weight[head] * losses.value[loss][head] /
                            objective->divide_by;
    }
    return losses;
}
