/** Time that has passed. */
#ifndef MGM_BASE_CLOCK_H
#define MGM_BASE_CLOCK_H

/** Seconds of a clock that only goes forward; its zero means nothing. */
double mgm_clock_seconds(void);

#endif
