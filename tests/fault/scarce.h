/**
 * Memory that runs out when a test says so. Linked into a test, it takes the place of the allocating functions of the C
 * library, for the test's own thread and all others.
 */
#ifndef MGM_TESTS_SCARCE_H
#define MGM_TESTS_SCARCE_H

#include <stdbool.h>

enum scarcity {
    SCARCE_OURS,       /* what the library under test allocates itself */
    SCARCE_EVERYWHERE, /* what the libraries below it allocate too; with a sanitizer, of those cJSON alone */
};

/** From now on the count-th allocation fails (1: the next one); if `lasting`, every later one too. */
void scarce_begin(enum scarcity scarcity, long count, bool lasting);
/** Enough of it again. @return whether an allocation has failed */
bool scarce_end(void);

#endif
