#include "agents/worker/sampling.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static int64_t timeval_ns(struct timeval t)
{
    return (int64_t)t.tv_sec * 1000000000 + (int64_t)t.tv_usec * 1000;
}

static bool reset_peak(void)
{
    const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    const bool done = write(fd, "5", 1) == 1;
    close(fd);
    return done;
}

static size_t read_file(const char *path, char *text, size_t size)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    const ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);
    if (fd >= 0) {
        close(fd);
    }
    text[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

static int64_t status_bytes(const char *text, const char *key)
{
    const char *line = strstr(text, key);
    if (!line) {
        return IFM_JSON_ABSENT;
    }
    const long long kb = strtoll(line + strlen(key), NULL, 10);
    return kb < 0 || kb > INT64_MAX / 1024 ? IFM_JSON_ABSENT : (int64_t)kb * 1024;
}

int64_t ifm_sampling_status_bytes(const char *key)
{
    char text[8192];
    read_file("/proc/self/status", text, sizeof text);
    return status_bytes(text, key);
}

static void read_usage(struct ifm_sampling *at)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    at->minor_faults = u.ru_minflt;
    at->major_faults = u.ru_majflt;
    at->cpu_ns = timeval_ns(u.ru_utime) + timeval_ns(u.ru_stime);
    at->voluntary_switches = u.ru_nvcsw;
    at->involuntary_switches = u.ru_nivcsw;
}

void ifm_sampling_begin(struct ifm_sampling *at)
{
    at->peak_reset = reset_peak();
    read_usage(at);
}

static int64_t less(int64_t bytes, int64_t own_bytes)
{
    return bytes == IFM_JSON_ABSENT ? bytes : bytes > own_bytes ? bytes - own_bytes : 0;
}

void ifm_sampling_end(const struct ifm_sampling *at, int64_t own_bytes,
                      struct ifm_msg_memory *memory)
{
    char text[8192];
    struct ifm_sampling now;
    read_usage(&now);
    read_file("/proc/self/status", text, sizeof text);
    memory->peak_rss_bytes =
        at->peak_reset ? less(status_bytes(text, "VmHWM:"), own_bytes) : IFM_JSON_ABSENT;
    memory->anon_bytes = less(status_bytes(text, "RssAnon:"), own_bytes);
    memory->file_bytes = status_bytes(text, "RssFile:");
    memory->minor_faults = now.minor_faults - at->minor_faults;
    memory->major_faults = now.major_faults - at->major_faults;
}

void ifm_sampling_use(const struct ifm_sampling *at, int64_t *cpu_ns, int64_t *voluntary_switches,
                      int64_t *involuntary_switches)
{
    struct ifm_sampling now;
    read_usage(&now);
    *cpu_ns = now.cpu_ns - at->cpu_ns;
    *voluntary_switches = now.voluntary_switches - at->voluntary_switches;
    *involuntary_switches = now.involuntary_switches - at->involuntary_switches;
}

void ifm_sampling_shares(int64_t own_bytes, struct ifm_msg_memory_end *memory)
{
    char text[4096];
    read_file("/proc/self/smaps_rollup", text, sizeof text);
    const int64_t clean = status_bytes(text, "Private_Clean:"),
                  dirty = status_bytes(text, "Private_Dirty:");
    memory->pss_bytes = less(status_bytes(text, "\nPss:"), own_bytes);
    memory->uss_bytes = clean == IFM_JSON_ABSENT || dirty == IFM_JSON_ABSENT
                            ? IFM_JSON_ABSENT
                            : less(clean + dirty, own_bytes);
}
