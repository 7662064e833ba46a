#include "eval/metrics_colour.h"

#include <math.h>

struct mgm_colour_scores mgm_metric_colour(const uint8_t *colours, const uint8_t *alpha, const uint8_t *truth,
                                           const uint8_t *true_alpha, size_t count)
{
    struct mgm_colour_scores scores = {0};
    size_t seen = 0;
    for (size_t i = 0; i < count; i++) {
        seen += true_alpha[i] > 0;
        for (size_t c = 0; c < 3; c++) {
            const double value = colours[3 * i + c] / 255.0, wanted = truth[3 * i + c] / 255.0;
            const double d = true_alpha[i] ? value - wanted : 0;
            const double blended = value * alpha[i] / 255.0 - wanted * true_alpha[i] / 255.0;
            scores.sad += fabs(d);
            scores.mse += d * d;
            scores.sad_blended += fabs(blended);
            scores.mse_blended += blended * blended;
        }
    }
    scores.sad /= 1000;
    scores.sad_blended /= 1000;
    scores.mse /= 3 * (double)(seen ? seen : 1);
    scores.mse_blended /= 3 * (double)(count ? count : 1);
    return scores;
}
