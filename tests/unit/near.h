/** cmocka's assert_float_equal compares in f32; this one in f64. Include after cmocka.h. */
#ifndef MGM_TESTS_NEAR_H
#define MGM_TESTS_NEAR_H

#include <math.h>

#define assert_near(got, want, most)                                                                                        \
    do {                                                                                                                    \
        double got_ = (got), want_ = (want);                                                                                \
        if (!(fabs(got_ - want_) <= (most)))                                                                                \
            fail_msg("%s is %.9g, not within %g of %.9g", #got, got_, (double)(most), want_);                               \
    } while (0)

#endif
