/** Small graphs that together hold every kind of layer in every variant that the network uses. */
#ifndef MGM_TESTS_CASES_H
#define MGM_TESTS_CASES_H

#include "nn/graph.h"

struct grad_case {
    const char *name;
    void (*build)(struct mgm_graph *graph);
    int n; /* 0: 2 */
};

extern const struct grad_case grad_cases[];
extern const int grad_case_count;

#endif
