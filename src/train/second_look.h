/**
 * Samples as a pyramid's finer levels get them: guided by the network's own matte, enlarged from a smaller copy. A mask on a
 * large photo is looked at once only; all that is finer follows the matte that came of it (docs/large.md), with its mistakes.
 */
#ifndef MGM_TRAIN_SECOND_LOOK_H
#define MGM_TRAIN_SECOND_LOOK_H

#include "train/sample.h"

struct mgm_second_look;

/** Room for batches of n crops. */
MGM_MUST_CHECK enum mgm_status mgm_second_look_create(struct mgm_context *ctx, int n, int size, struct mgm_second_look **out);
void mgm_second_look_destroy(struct mgm_second_look **look);

/** Whether an iteration looks twice; the same for a seed and an iteration. */
bool mgm_second_look_is_due(uint64_t seed, int64_t iteration, double share);

/**
 * The batch with other guidance: in half of the samples the matte, as if it came of a copy 1 to 4 times smaller. Where the matte has lost what was
 * wanted, the guidance stays.
 * @param alpha  f32 [n, size, size]: the network's mattes of this batch
 * @param first  number of the batch's first sample in the run
 * @param out    shares everything but the guidance, which is the look's, with batch
 */
void mgm_second_look_at(struct mgm_second_look *look, uint64_t seed, uint64_t first, const struct mgm_batch *batch,
                        const float *alpha, struct mgm_batch *out);

#endif
