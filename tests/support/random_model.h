/** A network of random weights whose heads say something: as training begins they are near zero, where everything is uncertain. */
#ifndef MGM_TESTS_RANDOM_MODEL_H
#define MGM_TESTS_RANDOM_MODEL_H

#include "matting/model.h"

/** Fails the running test if that does not work. @return graph and parameters are to be released by the caller */
struct mgm_model random_model(struct mgm_context *ctx, double width);

#endif
