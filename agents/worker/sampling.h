/* What a phase cost: peak memory by the kernel's own high-water mark, page faults, CPU time.
 * Counters are read at both ends of a phase; nothing polls.
 *
 * Method: measurement.md 8.1: "5" into /proc/self/clear_refs resets VmHWM, which is read after the
 * phase. ru_maxrss is not used: a child inherits its parent's. Threading: the measuring thread;
 * counts are those of the whole process. Errors: none; what the kernel does not say is
 * IFM_JSON_ABSENT. */
#ifndef IFM_SAMPLING_H
#define IFM_SAMPLING_H

#include <stdbool.h>
#include "core/msg.h"

struct ifm_sampling { /* at the phase's begin */
    bool peak_reset;
    int64_t minor_faults, major_faults, cpu_ns, voluntary_switches, involuntary_switches;
};

void ifm_sampling_begin(struct ifm_sampling *at);
/* own_bytes: the sample arrays that were resident, taken off peak and anonymous memory. */
void ifm_sampling_end(const struct ifm_sampling *at, int64_t own_bytes,
                      struct ifm_msg_memory *memory);
/* User and system time of all threads, and context switches, since the begin. */
void ifm_sampling_use(const struct ifm_sampling *at, int64_t *cpu_ns, int64_t *voluntary_switches,
                      int64_t *involuntary_switches);
/* PSS and USS now, by smaps_rollup: the kernel walks all pages, milliseconds. The other members of
 * `memory` are left alone. */
void ifm_sampling_shares(int64_t own_bytes, struct ifm_msg_memory_end *memory);
/* A kB line of /proc/self/status ("VmData:") in bytes; ABSENT where there is none. */
int64_t ifm_sampling_status_bytes(const char *key);

#endif
