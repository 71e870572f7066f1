/* The contract of include/inferometer/sampler.h, held against one sampler (SAMPLER, by the build):
 * on this machine where it has the source, over recorded trees, and over trees that mean harm. */
#include "tests/contract/sampler_tree.h"
#include <ctype.h>
#include <dirent.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include "agents/samplers/samplers.h"
#include "agents/worker/observe_group.h"

static const struct ifm_sampler_ops *ops;
static const int cpus[] = { 0, 1, 2, 3, -1 };

/* -- Allocations: counted while a sampler reads ---------------------------------------------------
 */
#if defined __GLIBC__ && !defined __SANITIZE_ADDRESS__ && !defined __SANITIZE_THREAD__
#define COUNTED 1
extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *pointer, size_t bytes);
static size_t allocations;
void *malloc(size_t bytes)
{
    allocations++;
    return __libc_malloc(bytes);
}
void *calloc(size_t count, size_t bytes)
{
    allocations++;
    return __libc_calloc(count, bytes);
}
void *realloc(void *pointer, size_t bytes)
{
    allocations++;
    return __libc_realloc(pointer, bytes);
}
#else
#define COUNTED 0
static size_t allocations;
#endif

/* -- A host ---------------------------------------------------------------------------------------
 */
static char said[256];

static int host_fail(void *context, const char *format, ...)
{
    (void)context;
    va_list args;
    va_start(args, format);
    vsnprintf(said, sizeof said, format, args);
    va_end(args);
    return -1;
}

static struct ifm_sampler_host host_of(const char *sysroot)
{
    return (struct ifm_sampler_host){ .abi = IFM_SAMPLER_ABI,
                                      .size = sizeof(struct ifm_sampler_host),
                                      .sysroot = sysroot,
                                      .pid = getpid(),
                                      .cpus = cpus,
                                      .fail = host_fail };
}

static int open_files(void)
{
    DIR *folder = opendir("/proc/self/fd");
    int n = 0;
    assert_non_null(folder);
    while (readdir(folder)) {
        n++;
    }
    closedir(folder);
    return n;
}

/* One whole life over a tree: what the last of `reads` reads gave. Returns what probe said. */
static int live_through(const char *sysroot, int reads, uint32_t *present, int64_t *values,
                        uint32_t *valid)
{
    const struct ifm_sampler_host host = host_of(sysroot);
    void *state = ifm_alloc(ops->state_size);
    const int before = open_files();
    *present = *valid = 0;
    const int status = ops->probe(state, &host, present);
    assert_int_equal(open_files(), before); /* probe keeps nothing */
    if (status == 0) {
        assert_true(*present != 0);
        assert_int_equal(ops->open(state, &host), 0);
        for (int i = 0; i < reads; i++) {
            *valid = 0;
            assert_int_equal(ops->sample(state, values, valid), 0);
        }
    } else {
        assert_int_equal(status, IFM_SAMPLER_ABSENT);
    }
    ops->close(state);
    assert_int_equal(open_files(), before);
    ifm_free(state);
    return status;
}

static size_t metric(const char *name)
{
    for (size_t i = 0; i < ops->metric_count; i++) {
        if (ops->metrics[i].name && strcmp(ops->metrics[i].name, name) == 0) {
            return i;
        }
    }
    fail_msg("%s has no metric %s", ops->name, name);
    return 0;
}

/* -- The rows -------------------------------------------------------------------------------------
 */
static void head_and_rows_are_complete(void **state)
{
    static const char *const units[] = { "ns", "us", "kHz", "mC", "uJ", "count", "bytes", NULL };
    struct ifm_err err = IFM_ERR_INIT;
    (void)state;
    assert_int_equal(ifm_observe_group_check(ops, &err), 0);
    assert_string_equal(ops->name, SAMPLER);
    assert_true(ops->min_period_ns > 0);
    for (size_t i = 0; i < ops->metric_count; i++) {
        const struct ifm_sampler_metric *m = &ops->metrics[i];
        bool known = false;
        assert_non_null(m->name);
        assert_int_equal(metric(m->name), i); /* no name twice */
        for (const char *c = m->name; *c; c++) {
            assert_true(islower((unsigned char)*c) || isdigit((unsigned char)*c) || *c == '_');
        }
        for (size_t u = 0; units[u]; u++) {
            known = known || strcmp(units[u], m->unit) == 0;
        }
        assert_true(known);
        assert_true(strlen(m->description) > 5 && strlen(m->description) < 100);
        assert_true(m->overlaps == 0 || m->kind == IFM_SAMPLER_ENERGY);
    }
}

static void another_abi_or_a_missing_slot_is_refused(void **state)
{
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_sampler_ops wrong = *ops;
    (void)state;
    wrong.abi = IFM_SAMPLER_ABI + 1;
    t_assert_error(ifm_observe_group_check(&wrong, &err), IFM_ERR_INTERNAL, &err, "ABI 2");
    wrong = *ops;
    wrong.size -= 8;
    t_assert_error(ifm_observe_group_check(&wrong, &err), IFM_ERR_INTERNAL, &err, "bytes");
    wrong = *ops;
    wrong.sample = NULL;
    t_assert_error(ifm_observe_group_check(&wrong, &err), IFM_ERR_INTERNAL, &err, "lacks a slot");
    wrong = *ops;
    wrong.metric_count = IFM_SAMPLER_METRICS_MAX + 1;
    t_assert_error(ifm_observe_group_check(&wrong, &err), IFM_ERR_INTERNAL, &err, "metrics");
}

/* -- This machine ---------------------------------------------------------------------------------
 */
static void this_machine_is_read(void **state)
{
    const struct ifm_sampler_host host = host_of("");
    uint32_t present = 0, valid = 0;
    int64_t first[IFM_SAMPLER_METRICS_MAX], second[IFM_SAMPLER_METRICS_MAX];
    void *own = ifm_alloc(ops->state_size);
    (void)state;
    if (ops->probe(own, &host, &present) == IFM_SAMPLER_ABSENT) {
        ops->close(own);
        ifm_free(own);
        printf("SKIP live %s: this machine has not its source, or does not let it be read\n",
               SAMPLER);
        skip();
    }
    assert_int_equal(ops->open(own, &host), 0);
    assert_int_equal(ops->sample(own, first, &valid), 0);
    const size_t before = allocations;
    valid = 0;
    assert_int_equal(ops->sample(own, second, &valid), 0);
    assert_int_equal(allocations, before);
    assert_int_equal(valid & ~present, 0);
    printf("live %s:", SAMPLER);
    for (size_t i = 0; i < ops->metric_count; i++) {
        if (valid & 1u << i) {
            printf(" %s=%lld", ops->metrics[i].name, (long long)second[i]);
            assert_true(ops->metrics[i].kind == IFM_SAMPLER_GAUGE || second[i] >= first[i]);
        }
    }
    printf("%s\n", COUNTED ? "" : " (allocations not counted)");
    ops->close(own);
    ifm_free(own);
}

static void *burn(void *argument)
{
    struct timespec t;
    (void)argument;
    do {
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    } while (t.tv_sec == 0 && t.tv_nsec < 30000000);
    return NULL;
}

/* A vendor's pool starts after the samplers: what it does is the model's. */
static void threads_that_start_later_are_counted(void **state)
{
    const char *const names[] = { "task_clock_ns", "process_cpu_ns" };
    const struct ifm_sampler_host host = host_of("");
    int64_t before[IFM_SAMPLER_METRICS_MAX], after[IFM_SAMPLER_METRICS_MAX];
    uint32_t present = 0, valid = 0;
    pthread_t thread;
    void *own = ifm_alloc(ops->state_size);
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        const char *const owner = i == 0 ? "perf" : "proc";
        if (strcmp(SAMPLER, owner) != 0 || ops->probe(own, &host, &present) != 0) {
            continue;
        }
        const size_t m = metric(names[i]);
        assert_int_equal(ops->open(own, &host), 0);
        assert_int_equal(ops->sample(own, before, &valid), 0);
        assert_int_equal(pthread_create(&thread, NULL, burn, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(ops->sample(own, after, &valid), 0);
        assert_true(after[m] - before[m] >= 30000000);
    }
    ops->close(own);
    ifm_free(own);
}

/* -- Recorded trees -------------------------------------------------------------------------------
 */
struct expect { /* value ABSENT: the bit is not set */
    const char *sampler, *tree, *name;
    int64_t value;
};
#define ABSENT INT64_MIN
static const struct expect expected[] = {
    { "proc", "laptop-x86", "process_cpu_ns", 4000000000 },
    { "proc", "laptop-x86", "minor_faults", 5120 },
    { "proc", "laptop-x86", "major_faults", 12 },
    { "proc", "laptop-x86", "voluntary_switches", 412 },
    { "proc", "laptop-x86", "involuntary_switches", 23 },
    { "proc", "laptop-x86", "host_busy_ns", 571200000000 }, /* 36000 + 120 + 18000 + 3000 ticks */
    { "proc", "laptop-x86", "steal_ns", 0 },
    { "proc", "laptop-x86", "psi_cpu_some_us", 3392974 },
    { "proc", "laptop-x86", "psi_memory_some_us", 41023 },
    { "proc", "laptop-x86", "cgroup_throttled", 0 },
    { "proc", "laptop-x86", "load_milli", 420 },
    { "proc", "server-throttled", "steal_ns", 54000000000 },
    { "proc", "server-throttled", "cgroup_throttled", 17 },
    { "proc", "server-throttled", "load_milli", 6750 },
    { "proc", "arm-board", "psi_cpu_some_us", ABSENT },
    { "proc", "arm-board", "cgroup_throttled", ABSENT },
    { "freq", "laptop-x86", "busy_khz", 2100000 }, /* two of four asleep */
    { "freq", "laptop-x86", "limit_khz", 4700000 },
    { "freq", "server-throttled", "busy_khz", 2600000 },
    { "freq", "arm-board", "busy_khz", 2000000 },
    { "freq", "arm-board", "limit_khz", 1800000 },
    { "thermal", "laptop-x86", "max_mc", 46000 }, /* a sensor at absolute zero is none */
    { "thermal", "laptop-x86", "throttle_count", 0 },
    { "thermal", "laptop-x86", "cooling_state", 0 }, /* fan, offset and a -1 do not count */
    { "thermal", "server-throttled", "max_mc", 94000 },
    { "thermal", "server-throttled", "throttle_count",
      2 * 812 + 1490 }, /* two cores, one package */
    { "thermal", "server-throttled", "cooling_state", 4 },
    { "thermal", "arm-board", "max_mc", 61250 },
    { "thermal", "arm-board", "throttle_count", ABSENT },
    { "thermal", "arm-board", "cooling_state", 0 },
    { "rapl", "laptop-x86", "package_0_uj", 0 }, /* from the first read */
    { "rapl", "laptop-x86", "core_0_uj", 0 },
    { "rapl", "laptop-x86", "psys_uj", 0 },
    { "rapl", "laptop-x86", "package_1_uj", ABSENT }, /* the mmio zone is the same package */
    { "rapl", "server-throttled", "package_1_uj", 0 },
    { "rapl", "server-throttled", "dram_1_uj", 0 },
    { "rapl", "server-throttled", "core_0_uj", ABSENT },
    { "rapl", "arm-board", "package_0_uj", ABSENT },
    { "perf", "laptop-x86", "cycles", ABSENT }, /* a tree has no counters */
};

static void recorded_trees_give_what_they_hold(void **state)
{
    static const char *const trees[] = { "laptop-x86", "server-throttled", "arm-board" };
    uint32_t present, valid;
    int64_t values[IFM_SAMPLER_METRICS_MAX];
    (void)state;
    for (size_t t = 0; t < 3; t++) {
        char relative[256];
        snprintf(relative, sizeof relative, "tests/data/sysroot/%s", trees[t]);
        char *tree = t_source_path(relative);
        const int status = live_through(tree, 1, &present, values, &valid);
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
            const struct expect *e = &expected[i];
            if (strcmp(e->sampler, SAMPLER) != 0 || strcmp(e->tree, trees[t]) != 0) {
                continue;
            }
            const size_t m = metric(e->name);
            const bool there = status == 0 && (valid & 1u << m);
            if (there != (e->value != ABSENT) || (there && values[m] != e->value)) {
                fail_msg("%s over %s: %s is %lld%s", SAMPLER, trees[t], e->name,
                         there ? (long long)values[m] : 0, there ? "" : " and absent");
            }
        }
        ifm_free(tree);
    }
}

struct change { /* a file that changes between two reads, and by how much the value then differs */
    const char *sampler, *tree, *path, *text, *name;
    int64_t by;
};
static const struct change changes[] = {
    /* 262143.0 J of 262143.32885 J, then 1 J: the counter wrapped */
    { "rapl", "laptop-x86", "sys/class/powercap/intel-rapl:0/energy_uj", "1000000\n",
      "package_0_uj", 1328850 },
    { "rapl", "laptop-x86", "sys/class/powercap/intel-rapl:0:2/energy_uj", "51000000500\n",
      "dram_0_uj", 500 },
    { "rapl", "server-throttled", "sys/class/powercap/intel-rapl:1/energy_uj", "0\n",
      "package_1_uj", 262140328850 },
    { "thermal", "server-throttled",
      "sys/devices/system/cpu/cpu2/thermal_throttle/core_throttle_count", "815\n", "throttle_count",
      3 },
    { "thermal", "laptop-x86", "sys/class/thermal/thermal_zone2/temp", "97500\n", "max_mc", 51500 },
    { "thermal", "laptop-x86", "sys/class/thermal/cooling_device0/cur_state", "2\n",
      "cooling_state", 2 },
    { "freq", "server-throttled", "sys/devices/system/cpu/cpu2/cpufreq/scaling_cur_freq",
      "1000000\n", "busy_khz", -400000 },
    { "freq", "server-throttled", "sys/devices/system/cpu/cpu3/cpufreq/scaling_max_freq",
      "1200000\n", "limit_khz", -1400000 },
    { "proc", "server-throttled", "sys/fs/cgroup/cpu,cpuacct/docker/bench/cpu.stat",
      "nr_periods 301\nnr_throttled 21\nthrottled_time 9\n", "cgroup_throttled", 4 },
    { "proc", "laptop-x86", "sys/fs/cgroup/user.slice/cpu.stat",
      "nr_periods 5\nnr_throttled 2\nthrottled_usec 9\n", "cgroup_throttled", 2 },
    { "proc", "laptop-x86", "proc/pressure/cpu",
      "some avg10=9.00 avg60=1.00 avg300=0.84 total=3402974\n", "psi_cpu_some_us", 10000 },
    { "proc", "laptop-x86", "proc/stat", "cpu  36000 120 18000 540000 800 0 3000 7 0 0\ncpu0 1\n",
      "steal_ns", 70000000 },
};

static void what_changes_in_a_tree_is_seen(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct change *c = &changes[i];
        int64_t before[IFM_SAMPLER_METRICS_MAX], after[IFM_SAMPLER_METRICS_MAX];
        uint32_t present = 0, valid = 0;
        char name[32];
        if (strcmp(c->sampler, SAMPLER) != 0) {
            continue;
        }
        snprintf(name, sizeof name, "change%zu", i);
        char *tree = tree_copy(c->tree, name);
        const struct ifm_sampler_host host = host_of(tree);
        void *own = ifm_alloc(ops->state_size);
        const size_t m = metric(c->name);
        assert_int_equal(ops->probe(own, &host, &present), 0);
        assert_int_equal(ops->open(own, &host), 0);
        assert_int_equal(ops->sample(own, before, &valid), 0);
        tree_set(tree, c->path, c->text);
        valid = 0;
        assert_int_equal(ops->sample(own, after, &valid), 0);
        assert_true(valid & 1u << m);
        assert_int_equal(after[m] - before[m], c->by);
        ops->close(own);
        ifm_free(own);
        ifm_free(tree);
    }
}

static int64_t clock_now(void *own)
{
    int64_t values[IFM_SAMPLER_METRICS_MAX];
    uint32_t valid = 0;
    const size_t m = metric("busy_khz");
    assert_int_equal(ops->sample(own, values, &valid), 0);
    assert_true(valid & 1u << m);
    return values[m];
}

/* Of four processors one works: what the others say of their clocks does not count. */
static void sleeping_processors_do_not_count(void **state)
{
    uint32_t present = 0;
    (void)state;
    if (strcmp(SAMPLER, "freq") != 0) {
        return;
    }
    char *tree = tree_copy("laptop-x86", "sleeping");
    const struct ifm_sampler_host host = host_of(tree);
    void *own = ifm_alloc(ops->state_size);
    assert_int_equal(ops->probe(own, &host, &present), 0);
    assert_int_equal(ops->open(own, &host), 0);
    assert_int_equal(clock_now(own), 2100000); /* nobody is known to be busy yet */
    tree_set(tree, "proc/stat",
             "cpu  36100 120 18000 540000 800 0 3000 0 0 0\ncpu0 9100 30 4500 135000 200 0 750 0 0 0\n"
             "cpu1 9000 30 4500 135000 200 0 750 0 0 0\ncpu2 9000 30 4500 135000 200 0 750 0 0 0\n"
             "cpu3 9000 30 4500 135000 200 0 750 0 0 0\n");
    assert_int_equal(clock_now(own), 3400000);
    tree_set(tree, "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq", "800000\n");
    assert_int_equal(clock_now(own), 3400000); /* no tick since: as before */
    tree_set(tree, "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq", "1700000\n");
    assert_int_equal(clock_now(own), 1700000);
    tree_set(tree, "proc/stat", "cpu  1 2\ncpu0 1\n"); /* cannot be read: as before */
    assert_int_equal(clock_now(own), 1700000);
    ops->close(own);
    ifm_free(own);
    ifm_free(tree);
}

/* -- Trees that mean harm -------------------------------------------------------------------------
 */
static const char *const hostile[] = {
    "",
    "\n",
    "-1\n",
    "-9223372036854775808\n",
    "9223372036854775807\n",
    "99999999999999999999999999999999\n",
    "4611686018427387903\n",
    "0x7f\n",
    "1e9\n",
    "1 2 3\n",
    "cpu  1 2\n",
    "cpu  9223372036854775807 9223372036854775807 1 1 1 1 1 1 1 1\n",
    "cpu  1125899906842623 1125899906842623 1125899906842623 1 1 1125899906842623 1125899906842623 "
    "1125899906842623\n",
    "some avg10=nan total=\n",
    "some avg10=0.00 total=-5\n",
    "nr_throttled 9223372036854775807\n",
    "1 (((((((( S\n",
    "1 ) S 1\n",
    "1 (x) S 1 1 1 1 1 1 99999999999999999999 1 1 1 1 1 1\n",
    "0::/../../../../etc\n4:cpu:/../..\n",
    ":::\n::\n:\n0::\n",
    "package-0\n",
    "event=0xffffffffffffffffffff\n",
    "999999.99 9 9 9\n",
    NULL,
};

enum {
    FILE_WITH,
    BINARY,
    LONG_LINE,
    FIFO,
    LOOP,
    DEVICE,
    GONE,
    FOLDER
}; /* the order in which a tree is spoilt */
static int way;
static const char *with;

static int spoil(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    static char bytes[1 << 16];
    (void)st, (void)ftw;
    if (kind != FTW_F && kind != FTW_SL && kind != FTW_SLN) {
        return 0;
    }
    if (way == FILE_WITH) {
        t_write(path, with, strlen(with));
    } else if (way == BINARY || way == LONG_LINE) {
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = way == LONG_LINE ? '7' : (char)(i * 2654435761u >> 13);
        }
        t_write(path, bytes, way == LONG_LINE ? sizeof bytes : 4096);
    } else {
        assert_int_equal(unlink(path), 0);
        assert_int_equal(way == FIFO     ? mkfifo(path, 0644)
                         : way == LOOP   ? symlink(path, path)
                         : way == DEVICE ? symlink("/dev/zero", path)
                         : way == FOLDER ? mkdir(path, 0755)
                                         : 0,
                         0);
    }
    return 0;
}

static void survive(const char *tree)
{
    int64_t values[IFM_SAMPLER_METRICS_MAX] = { 0 };
    uint32_t present, valid;
    assert_int_equal(nftw(tree, spoil, 16, FTW_PHYS | FTW_DEPTH), 0);
    const int status = live_through(tree, 3, &present, values, &valid);
    for (size_t i = 0; status == 0 && i < ops->metric_count; i++) {
        if (valid &
            1u << i) { /* whatever was there, it does not become a huge or negative number */
            assert_true(values[i] > -((int64_t)1 << 62) && values[i] <= (int64_t)1 << 62);
            assert_true(ops->metrics[i].kind == IFM_SAMPLER_GAUGE || values[i] >= 0);
        }
    }
    assert_true(way <= LONG_LINE || status == IFM_SAMPLER_ABSENT);
}

static void hostile_trees_neither_crash_nor_hang(void **state)
{
    char *tree = tree_copy("server-throttled", "hostile");
    (void)state;
    alarm(60); /* a hang ends the test with a signal */
    way = FILE_WITH;
    for (size_t i = 0; hostile[i]; i++) {
        with = hostile[i];
        survive(tree);
    }
    for (way = BINARY; way <= GONE; way++) {
        survive(tree);
    }
    ifm_free(tree);
    tree = tree_copy("laptop-x86", "folders");
    way = FOLDER;
    survive(tree);
    alarm(0);
    ifm_free(tree);
}

static void files_that_turn_bad_after_the_open_lose_their_bits(void **state)
{
    int64_t values[IFM_SAMPLER_METRICS_MAX];
    uint32_t present = 0, valid = 0;
    char *tree = tree_copy("laptop-x86", "turned");
    const struct ifm_sampler_host host = host_of(tree);
    void *own = ifm_alloc(ops->state_size);
    (void)state;
    if (ops->probe(own, &host, &present) == 0) {
        assert_int_equal(ops->open(own, &host), 0);
        tree_set(tree, "proc/stat", "");
        tree_set(tree, "proc/self/stat", "");
        tree_set(tree, "sys/class/powercap/intel-rapl:0/energy_uj", "gone\n");
        tree_set(tree, "sys/class/thermal/thermal_zone2/temp", "-300000\n");
        for (int cpu = 0; cpu < 4; cpu++) {
            char path[128];
            snprintf(path, sizeof path, "sys/devices/system/cpu/cpu%d/cpufreq/scaling_cur_freq",
                     cpu);
            tree_set(tree, path, "<unknown>\n"); /* as kernels say it */
        }
        assert_int_equal(ops->sample(own, values, &valid), 0);
        assert_int_equal(valid & ~present, 0);
        assert_true(valid != present || strcmp(SAMPLER, "thermal") == 0);
    }
    ops->close(own);
    ifm_free(own);
    ifm_free(tree);
}

static void close_takes_a_state_that_was_never_opened(void **state)
{
    void *own = ifm_alloc(ops->state_size);
    (void)state;
    ops->close(own);
    ifm_free(own);
}

static void a_sysroot_that_is_too_long_is_an_absent_one(void **state)
{
    static char root[5000];
    int64_t values[IFM_SAMPLER_METRICS_MAX];
    uint32_t present, valid;
    (void)state;
    memset(root, 'a', sizeof root - 1);
    root[0] = '/';
    assert_int_equal(live_through(root, 1, &present, values, &valid), IFM_SAMPLER_ABSENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(head_and_rows_are_complete),
        cmocka_unit_test(another_abi_or_a_missing_slot_is_refused),
        cmocka_unit_test(close_takes_a_state_that_was_never_opened),
        cmocka_unit_test(this_machine_is_read),
        cmocka_unit_test(threads_that_start_later_are_counted),
        cmocka_unit_test(recorded_trees_give_what_they_hold),
        cmocka_unit_test(what_changes_in_a_tree_is_seen),
        cmocka_unit_test(sleeping_processors_do_not_count),
        cmocka_unit_test(files_that_turn_bad_after_the_open_lose_their_bits),
        cmocka_unit_test(hostile_trees_neither_crash_nor_hang),
        cmocka_unit_test(a_sysroot_that_is_too_long_is_an_absent_one),
    };
    for (size_t i = 0; ifm_samplers[i]; i++) {
        if (strcmp(ifm_samplers[i]->name, SAMPLER) == 0) {
            ops = ifm_samplers[i];
        }
    }
    if (access("/dev/shm", W_OK) == 0) { /* thousands of small files: a disk takes its time */
        setenv("TMPDIR", "/dev/shm", 0);
    }
    if (!ops) {
        fprintf(stderr, "sampler %s is not in agents/samplers/samplers.c\n", SAMPLER);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
