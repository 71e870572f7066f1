/* The timed phase of every scenario but single: what is issued when, and what one sample is.
 *
 *   multi      a query is `streams` inferences; the sample is the whole query, closed loop. Submitted together
 *              where the runtime is asynchronous, one after the other where it is not.
 *   offline    as much as possible: `streams` inferences in flight where the runtime is asynchronous, else back
 *              to back. The sample is one inference, from submission to its end.
 *   sustained  single for minutes. Models too fast for the array are timed in batches of calls (batch_calls).
 *   paced      one inference each period, by an absolute schedule; sleeps between, as an application does, so
 *              that clocks ramp and threads park. The sample counts from the tick; a late one delays no tick.
 *   server     open loop: Poisson arrivals (gaps -ln(1-u)/rate by xoshiro256**, core/rng.h, of schedule_seed) or
 *              a fixed rate. The whole schedule stands in the array before the phase begins. The sample counts
 *              from the intended start, so that no late answer hides the wait of those behind it. A synchronous
 *              runtime is one server that answers in order. An asynchronous one gets each query when it is due,
 *              from a thread of its own; this thread ends them in order.
 *
 * The generator sleeps to shortly before the due time and then spins, except when paced. Lateness: see
 * core/scenario.h. Nothing is allocated, locked or formatted between the first and the last clock read; the two
 * threads of an asynchronous server meet in a semaphore and two atomics.
 *
 * Threading: the measuring thread; server with submit and wait makes one more and joins it. Ownership: ops, state
 * and spec are borrowed until ifm_scenario_done. Errors: a failed call of the runtime is in `result.status`. */
#ifndef IFM_WORKER_SCENARIO_H
#define IFM_WORKER_SCENARIO_H

#include "agents/worker/loop.h"
#include "core/msg.h"
#include "inferometer/runtime.h"

#define IFM_SCENARIO_STREAMS     8
#define IFM_SCENARIO_STREAMS_MAX 1024

struct ifm_scenario {
    /* Results. */
    struct ifm_loop_result result;    /* count: samples; end: as IFM_END_CHOICES */
    struct ifm_loop_sample *samples;  /* paced, server: start is the intended one */
    int64_t *lateness_ns;             /* one a sample; NULL: closed loop */
    int64_t bytes;                    /* of the arrays, resident from the begin */
    int64_t batch_calls;              /* inferences of one sample (sustained, offline); else 1 */
    int64_t spun_ns;                  /* CPU time of the generator's waiting: not the runtime's cost */
    int64_t unfinished;               /* queries that were due and have no answer */
    int64_t in_flight;                /* submitted and not ended when the phase ended, before _settle */
    int64_t abandoned;                /* … and after it: outputs must not be looked at, only closed */
    const char *slot;                 /* which call failed: "run", "sync", "submit", "wait" */
    /* What it works with. */
    const struct ifm_runtime_ops *ops;
    void *state;
    const struct ifm_msg_spec *spec;
    size_t capacity, planned;         /* planned: paced, server */
    int64_t calls;                    /* of one sample */
    bool cut;                         /* the array is smaller than what was asked for */
    struct ifm_loop_array sample_pages, lateness_pages;
    struct ifm_scenario_server *server; /* scenario_async.c */
};

/* Checks the spec's fields, maps and touches the arrays, makes the schedule. p50_ns: of the warm-up, 0 where not
 * known. IFM_ERR_USAGE for a server without a rate, paced without a period. */
int ifm_scenario_init(struct ifm_scenario *s, const struct ifm_runtime_ops *ops, void *state,
                      const struct ifm_msg_spec *spec, int64_t p50_ns, struct ifm_err *err);
void ifm_scenario_run(struct ifm_scenario *s);
/* Ends what an overloaded runtime still has in flight, for two seconds at most: after the phase has been
 * accounted for, before outputs are looked at. */
void ifm_scenario_settle(struct ifm_scenario *s);
void ifm_scenario_done(struct ifm_scenario *s); /* accepts one that init refused, or zeroes */

/* -- Parts, for the files of the scenario ------------------------------------------------------- */
/* Now, or t_ns if that is later: sleeps to spin_ns before it, then spins; *spun_ns grows by the time of that. */
int64_t ifm_scenario_wait_until(int64_t t_ns, int64_t spin_ns, int64_t *spun_ns);
/* Lateness of a query that was due, started and took so long. free_ns: when the runtime is free for the next one had
 * every query been on time; in and out. A queue that is twenty times longer than the lateness takes it over: behind a
 * runtime that cannot keep up, what the generator adds would otherwise be added up for ever. */
static inline int64_t ifm_scenario_charge(int64_t due_ns, int64_t start_ns, int64_t took_ns, int64_t *free_ns)
{
    const int64_t ideal = due_ns > *free_ns ? due_ns : *free_ns, late = start_ns - ideal;
    *free_ns = (20 * late < ideal - due_ns ? start_ns : ideal) + took_ns;
    return late;
}
/* Offsets of the planned queries from the begin, into start_ns of the array. */
void ifm_scenario_schedule(struct ifm_scenario *s);
/* Sets unfinished: those from `done` on that were due at the end of the phase. */
void ifm_scenario_count_unfinished(struct ifm_scenario *s, size_t done, size_t issued);
void ifm_scenario_run_closed(struct ifm_scenario *s);
void ifm_scenario_run_open(struct ifm_scenario *s);
int ifm_scenario_async_init(struct ifm_scenario *s, struct ifm_err *err);
void ifm_scenario_async_run(struct ifm_scenario *s);
void ifm_scenario_async_done(struct ifm_scenario *s);

#endif
