/** Connected components of binary masks. Any byte other than 0 is set. */
#ifndef MGM_IMAGE_COMPONENTS_H
#define MGM_IMAGE_COMPONENTS_H

#include "image/image.h"

enum mgm_connectivity {
    MGM_CONNECT_4, /* pixels that share an edge */
    MGM_CONNECT_8, /* or a corner */
};

/**
 * Leaves in mask the component with the most pixels as 1, all else 0. Of components of equal size the one whose first pixel,
 * row by row, comes first. A mask without any stays empty.
 * @param mask  u8 [h, w], changed in place
 * @return MGM_E_NOMEM
 */
MGM_MUST_CHECK enum mgm_status mgm_keep_largest_component(struct mgm_context *ctx, uint8_t *mask, int h, int w,
                                                          enum mgm_connectivity connectivity);

#endif
