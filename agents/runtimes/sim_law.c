#include "agents/runtimes/sim_law.h"

#include <math.h>

static uint64_t mix(uint64_t z) /* of splitmix64 */
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static double uniform(struct sim_law *law) /* (0, 1) */
{
    law->random += UINT64_C(0x9e3779b97f4a7c15);
    return ((double)(mix(law->random) >> 11) + 0.5) * 0x1p-53;
}

static double normal(struct sim_law *law)
{
    return sqrt(-2 * log(uniform(law))) * cos(2 * 3.14159265358979323846 * uniform(law));
}

/* A stationary first-order autoregression of variance 1; white where correlation is 0. */
static double noise(struct sim_law *law)
{
    const double c = law->correlation;
    law->noise = law->count <= 1 ? normal(law) : c * law->noise + sqrt(1 - c * c) * normal(law);
    return law->noise;
}

void sim_law_start(struct sim_law *law, uint64_t seed)
{
    law->random = mix(seed + 1); /* seeds that the step divides would walk through one sequence */
    law->count = 0;
    law->process_factor = exp(law->between_sd * normal(law));
}

void sim_law_begin(struct sim_law *law, int64_t start_ns)
{
    law->first_ns = law->count == 0 ? start_ns : law->first_ns;
    law->count++;
}

int64_t sim_law_draw(struct sim_law *law, int64_t start_ns)
{
    double x = (double)law->latency * law->process_factor;
    switch (law->kind) {
    case LAW_NORMAL:
        x *= 1 + law->sd * noise(law);
        break;
    case LAW_LOGNORMAL:
        x *= exp(law->sd * noise(law));
        break;
    case LAW_BIMODAL:
        x *= uniform(law) < 0.5 ? 1 - law->sd : 1 + law->sd;
        break;
    default:
        break;
    }
    if (law->outliers > 0 && uniform(law) < law->outliers) {
        x *= law->outlier_factor;
    }
    if (law->count <= law->warmup_iterations) {
        x *= law->warmup_factor;
    }
    if (law->step_at > 0 && law->count >= law->step_at) {
        x *= law->step_factor;
    }
    return (int64_t)(x * (1 + law->drift * (double)(start_ns - law->first_ns) / 1e9));
}
