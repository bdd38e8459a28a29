/* Mahalanobis distance of one vector in double, for image scores; maps go through the backend. */
#include "stats/mvg.h"

double adi_mvg_distance2(const adi_mvg *mvg, const double *x)
{
    double sum = 0.0;
    for (int64_t k = 0; k < mvg->r; k++) {
        const double *w = mvg->whitening + k * mvg->c;
        double z = 0.0;
        for (int64_t j = 0; j < mvg->c; j++)
            z += w[j] * (x[j] - mvg->mean[j]);
        sum += z * z;
    }
    return sum;
}
