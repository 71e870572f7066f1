/* The sampler ABI: what reads a machine while a model is measured: processor time, clocks, temperatures,
 * counters, energy. It never measures latency.
 *
 * A sampler is one file, agents/samplers/<name>.c, that exports one const struct ifm_sampler_ops. To add one,
 * copy agents/samplers/proc.c, list the metrics, add one line to the array in agents/samplers/samplers.c, one
 * CMake line and one contract line; its chart appears by itself, drawn from the rows of `metrics`. A sampler
 * includes this header, libc, its vendor's headers and agents/samplers/source.h, and links nothing else of this
 * project: paths and errors come through struct ifm_sampler_host.
 *
 * Where it runs: in the worker, on a thread of its own that is kept off the measured cores. Where no core is
 * spare, `sample` is called at the ends of phases only, on the measuring thread, outside the timed loop; the
 * result is then marked sparse.
 *
 * Order of calls, all on one thread at a time:
 *     probe -> open -> sample* -> close
 * probe says whether this machine has the source and which metrics; open may allocate; sample must not
 * allocate, log or block, and should cost microseconds; close accepts half-open state and is called once.
 *
 * Files may be anything in a recorded tree, and nearly anything in a container: open them O_NONBLOCK, accept
 * regular files only, read a bounded start with pread, and take a text that is not the number expected for
 * "absent" (agents/samplers/source.h does all of it).
 *
 * Not supported is no error: probe clears the bit of a metric, and sample may leave a value out by its bit. A
 * slot that fails returns -1 after host->fail with one sentence; the sampler is then switched off for this
 * invocation, which carries a warning. An absent source never makes a result worse; it is named. */
#ifndef INFEROMETER_SAMPLER_H
#define INFEROMETER_SAMPLER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define IFM_SAMPLER_ABI 1u
#define IFM_SAMPLER_METRICS_MAX 32 /* of one sampler: bits of one word */
#define IFM_SAMPLER_ABSENT (-2)    /* probe: this machine has not the source */

enum ifm_sampler_kind {
    IFM_SAMPLER_GAUGE,   /* a level now */
    IFM_SAMPLER_COUNTER, /* grows; only differences mean something */
    IFM_SAMPLER_ENERGY   /* a counter of microjoules; wraps are undone by the sampler */
};
enum ifm_sampler_scope {
    IFM_SAMPLER_PROCESS, /* of the worker's process */
    IFM_SAMPLER_DEVICE,  /* of one part: a GPU, a rail, a sensor */
    IFM_SAMPLER_HOST     /* of the whole machine, also what others do on it */
};

struct ifm_sampler_metric {
    const char *name;        /* lower case, unit in the name where the field uses one: "steal_ns" */
    const char *unit;        /* "ns", "kHz", "mC" (1/1000 degree Celsius), "uJ", "count", "ppm", "bytes" */
    enum ifm_sampler_kind kind;
    enum ifm_sampler_scope scope;
    const char *description; /* one line, for the dashboard */
    int overlaps;            /* ENERGY: 1 where it is part of another metric of this sampler, or holds others: it
                                is shown and never added to a total */
};

struct ifm_sampler_host {
    uint32_t abi;
    uint32_t size;
    void *context;       /* first argument of the calls below */
    const char *sysroot; /* "" or the root of a recorded tree: put it before every /proc and /sys path */
    int32_t pid;         /* process to sample; of a recorded tree: the one it has as "self" */
    const int *cpus;     /* processors of the measured threads; ended by -1 */
    int (*fail)(void *context, const char *format, ...) __attribute__((format(printf, 2, 3)));
};

struct ifm_sampler_ops {
    uint32_t abi;  /* IFM_SAMPLER_ABI */
    uint32_t size; /* sizeof(struct ifm_sampler_ops) */
    const char *name;    /* lower case */
    const char *summary; /* one line */
    size_t state_size;   /* the host allocates this, zeroed */
    const struct ifm_sampler_metric *metrics;
    size_t metric_count; /* at most IFM_SAMPLER_METRICS_MAX */
    int64_t min_period_ns; /* of the source: reading faster gives the same value again */

    /* 0: *present has a bit for each metric this machine has; IFM_SAMPLER_ABSENT: none of them. */
    int (*probe)(void *state, const struct ifm_sampler_host *host, uint32_t *present);
    int (*open)(void *state, const struct ifm_sampler_host *host);
    /* Writes values[i] for each metric and sets its bit in *valid. */
    int (*sample)(void *state, int64_t *values, uint32_t *valid);
    void (*close)(void *state);
};

#ifdef __cplusplus
}
#endif
#endif
