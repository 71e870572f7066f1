/* Keys: what counts, what does not, and facts from a recorded machine. */
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agents/plan/device.h"
#include "agents/plan/keys.h"
#include "agents/plan/limits.h"
#include "core/mem.h"

static void maps_stay_sorted_and_unique(void **state)
{
    (void)state;
    struct ifm_map map = { 0 };
    struct ifm_err err = IFM_ERR_INIT;
    static const char *const words[] = { "m", "a", "z", "m", "b" };
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(ifm_map_set(&map, words[i], i == 3 ? "second" : "first", &err), 0);
    assert_int_equal(ifm_map_set(&map, "empty", "", &err), 0);
    assert_int_equal(ifm_map_set(&map, "absent", NULL, &err), 0);
    assert_int_equal(map.count, 4);
    for (size_t i = 1; i < map.count; i++)
        assert_true(strcmp(map.items[i - 1].key, map.items[i].key) < 0);
    assert_string_equal(ifm_map_get(&map, "m"), "second");
    assert_null(ifm_map_get(&map, "c"));
    ifm_map_done(&map);
}

static void the_key_is_the_hash_of_canonical_json(void **state)
{
    (void)state;
    struct ifm_map one = { 0 }, other = { 0 };
    char a[IFM_SHA256_HEX], b[IFM_SHA256_HEX], expected[IFM_SHA256_HEX];
    static const char json[] = "{\"batch\":\"1\",\"runtime\":\"null\"}";
    assert_int_equal(ifm_map_set(&one, "runtime", "null", NULL), 0);
    assert_int_equal(ifm_map_set(&one, "batch", "1", NULL), 0);
    assert_int_equal(ifm_map_set(&other, "batch", "1", NULL), 0);
    assert_int_equal(ifm_map_set(&other, "runtime", "null", NULL), 0);
    assert_int_equal(ifm_key_of_map(&one, a, NULL), 0);
    assert_int_equal(ifm_key_of_map(&other, b, NULL), 0);
    ifm_hash_sha256_hex(json, strlen(json), expected);
    assert_string_equal(a, expected);
    assert_string_equal(b, expected);
    ifm_map_set(&other, "batch", "2", NULL);
    assert_int_equal(ifm_key_of_map(&other, b, NULL), 0);
    assert_string_not_equal(a, b);
    ifm_map_done(&one);
    ifm_map_done(&other);
}

static void only_settings_of_runtimes_leave_the_environment(void **state)
{
    (void)state;
    char *environment[] = { "OMP_NUM_THREADS=4",
                            "HOME=/home/someone",
                            "SECRET_TOKEN=abc",
                            "ORT_LOG_FILE=/home/someone/log",
                            "KMP_AFFINITY=compact",
                            "OMPX=1",
                            NULL };
    struct ifm_map map = { 0 };
    assert_int_equal(ifm_map_add_environment(&map, environment, NULL), 0);
    assert_int_equal(map.count, 3);
    assert_string_equal(ifm_map_get(&map, "env.OMP_NUM_THREADS"), "4");
    assert_string_equal(ifm_map_get(&map, "env.ORT_LOG_FILE"), "set");
    assert_string_equal(ifm_map_get(&map, "env.KMP_AFFINITY"), "compact");
    ifm_map_done(&map);
}

/* -- A recorded machine ---------------------------------------------------------------------------
 */

static void record(const char *path, const char *text)
{
    char *full = t_temp_path(path);
    for (char *slash = strchr(full + strlen(t_temp_dir()) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0700);
        *slash = '/';
    }
    t_write(full, text, strlen(text));
    ifm_free(full);
}

static const struct ifm_msg_fact *find(const struct ifm_list *facts, const char *name)
{
    const struct ifm_msg_fact *items = facts->items;
    for (size_t i = 0; i < facts->count; i++)
        if (strcmp(items[i].name, name) == 0)
            return &items[i];
    return NULL;
}

static void key_now(char key[IFM_SHA256_HEX])
{
    struct ifm_list facts;
    assert_int_equal(ifm_device_facts(t_temp_dir(), &facts, NULL), 0);
    assert_int_equal(ifm_device_key(&facts, key, NULL), 0);
    ifm_device_facts_done(&facts);
}

static void hard_facts_make_the_key_and_soft_ones_do_not(void **state)
{
    (void)state;
    struct ifm_list facts;
    char first[IFM_SHA256_HEX], second[IFM_SHA256_HEX];
    record("proc/cpuinfo",
           "processor\t: 0\nmodel name\t: Test CPU 9000\nstepping\t: 2\nmicrocode\t: 0x1\n"
           "flags\t\t: fpu hypervisor sse\n\nprocessor\t: 1\nmodel name\t: Test CPU 9000\n");
    record("proc/meminfo", "MemTotal:       16384000 kB\nMemFree: 1 kB\nMemAvailable:  800 kB\n");
    record("proc/sys/kernel/osrelease", "6.1.0-test\n");
    record("etc/os-release", "NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n");
    record("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "powersave\n");
    record("proc/loadavg", "0.5 0.5 0.5 1/100 1\n");
    assert_int_equal(ifm_device_facts(t_temp_dir(), &facts, NULL), 0);
    assert_string_equal(find(&facts, "cpu_model")->value, "Test CPU 9000");
    assert_string_equal(find(&facts, "cpu_count")->value, "2");
    assert_string_equal(find(&facts, "hypervisor")->value, "yes");
    assert_string_equal(find(&facts, "ram_mib")->value, "16000");
    assert_string_equal(find(&facts, "kernel")->value, "6.1.0-test");
    assert_string_equal(find(&facts, "os_version")->value, "12");
    assert_string_equal(find(&facts, "cpu_governor")->value, "powersave");
    assert_true(find(&facts, "cpu_governor")->hard);
    assert_false(find(&facts, "loadavg")->hard);
    assert_null(find(&facts, "cpu_turbo")); /* a source that is absent is no fact */
    ifm_device_facts_done(&facts);

    key_now(first);
    record("proc/loadavg", "9.5 0.5 0.5 1/100 1\n");
    key_now(second);
    assert_string_equal(first, second);
    record("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n");
    key_now(second);
    assert_string_not_equal(first, second);
}

static void what_flaps_is_not_in_the_key(void **state)
{
    (void)state;
    static const char *const soft[][2] = {
        { "sys/class/thermal/thermal_zone0/temp", "71000\n" },
        { "sys/devices/system/cpu/cpu0/cpufreq/scaling_max_freq", "1500000\n" },
        { "proc/uptime", "999 1\n" },
        { "proc/meminfo", "MemTotal:       16384100 kB\nMemAvailable:  7 kB\nSwapTotal: 9 kB\nSwapFree: 1 kB\n" },
        { "proc/self/status", "Cpus_allowed_list:\t1\n" },
        { "sys/class/power_supply/BAT0/capacity", "50\n" },
        { "sys/devices/system/cpu/vulnerabilities/mds", "Mitigation: Clear CPU buffers\n" },
        { "proc/sys/kernel/randomize_va_space", "0\n" },
    };
    char first[IFM_SHA256_HEX], second[IFM_SHA256_HEX];
    key_now(first);
    for (size_t i = 0; i < sizeof soft / sizeof *soft; i++) {
        record(soft[i][0], soft[i][1]);
        key_now(second);
        assert_string_equal(first, second);
    }
}

static void what_a_machine_is_made_of_is(void **state)
{
    (void)state;
    static const char *const hard[][3] = { /* file, text, fact */
        { "sys/devices/system/cpu/smt/active", "1\n", "cpu_smt" },
        { "sys/devices/system/cpu/cpufreq/boost", "1\n", "cpu_turbo" },
        { "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq", "1800000\n", "cpu_max_khz" },
        { "sys/devices/system/cpu/cpu0/microcode/version", "0xf2\n", "cpu_microcode_version" },
        { "sys/kernel/mm/transparent_hugepage/enabled", "always [madvise] never\n", "transparent_hugepages" },
        { "sys/devices/system/node/online", "0-1\n", "numa_nodes" },
        { "sys/fs/cgroup/cpu.max", "150000 100000\n", "cgroup_cpus" },
        { "sys/fs/cgroup/memory.max", "1073741824\n", "cgroup_memory_bytes" },
    };
    char before[IFM_SHA256_HEX], after[IFM_SHA256_HEX];
    struct ifm_list facts;
    key_now(before);
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) {
        record(hard[i][0], hard[i][1]);
        key_now(after);
        assert_string_not_equal(before, after);
        memcpy(before, after, sizeof before);
        assert_int_equal(ifm_device_facts(t_temp_dir(), &facts, NULL), 0);
        assert_non_null(find(&facts, hard[i][2]));
        assert_true(find(&facts, hard[i][2])->hard);
        ifm_device_facts_done(&facts);
    }
}

static void clusters_and_their_governors_are_told_apart(void **state)
{
    (void)state;
    struct ifm_list facts;
    record("sys/devices/system/cpu/cpu1/cpufreq/cpuinfo_max_freq", "1800000\n");
    record("sys/devices/system/cpu/cpu2/cpufreq/cpuinfo_max_freq", "2400000\n");
    record("sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "performance\n");
    record("sys/devices/system/cpu/cpu2/cpufreq/scaling_governor", "schedutil\n");
    assert_int_equal(ifm_device_facts(t_temp_dir(), &facts, NULL), 0);
    assert_string_equal(find(&facts, "cpu_max_khz")->value, "2x1800000+1x2400000");
    assert_string_equal(find(&facts, "cpu_governor")->value, "performance+schedutil");
    assert_string_equal(find(&facts, "transparent_hugepages")->value, "madvise");
    assert_string_equal(find(&facts, "cgroup_cpus")->value, "1.5");
    assert_string_equal(find(&facts, "mitigations")->value, "1 active, 0 vulnerable");
    ifm_device_facts_done(&facts);
}

/* -- Limits of control groups ------------------------------------------------------------------- */

static void the_tightest_group_above_counts(void **state)
{
    (void)state;
    struct ifm_limits limits;
    record("proc/self/cgroup", "0::/user.slice/session\n");
    record("sys/fs/cgroup/user.slice/cpu.max", "50000 100000\n");
    record("sys/fs/cgroup/user.slice/session/cpu.max", "max 100000\n");
    record("sys/fs/cgroup/user.slice/session/memory.max", "max\n");
    ifm_limits_read(t_temp_dir(), &limits);
    assert_true(limits.cpus == 0.5);
    assert_int_equal(limits.memory_bytes, 1073741824);
    record("proc/self/cgroup", "0::/../../elsewhere\n"); /* seen from another namespace */
    ifm_limits_read(t_temp_dir(), &limits);
    assert_true(limits.cpus == 1.5);
    record("proc/self/cgroup", "5:memory:/a\n4:cpu,cpuacct:/a/b\nnonsense\n");
    record("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "268435456\n");
    record("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    record("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "20000\n");
    record("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
    record("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
    record("sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
    ifm_limits_read(t_temp_dir(), &limits);
    assert_true(limits.cpus == 0.2);
    assert_int_equal(limits.memory_bytes, 268435456);
    ifm_limits_read("/nonexistent", &limits);
    assert_true(limits.cpus == 0 && limits.memory_bytes == 0);
}

static void an_empty_machine_has_a_key_too(void **state)
{
    (void)state;
    struct ifm_list facts;
    char key[IFM_SHA256_HEX];
    assert_int_equal(ifm_device_facts("/nonexistent", &facts, NULL), 0);
    assert_int_equal(ifm_device_key(&facts, key, NULL), 0);
    assert_int_equal(strlen(key), 64);
    ifm_device_facts_done(&facts);
}

static int facts_of_this_machine(void *argument, struct ifm_err *err)
{
    (void)argument;
    struct ifm_list facts;
    char key[IFM_SHA256_HEX];
    int rc = ifm_device_facts("", &facts, err);
    if (!rc)
        rc = ifm_device_key(&facts, key, err);
    ifm_device_facts_done(&facts);
    return rc;
}

static void running_out_of_memory_leaks_nothing(void **state)
{
    (void)state;
    t_alloc_start();
    t_sweep("device facts", facts_of_this_machine, NULL);
    t_alloc_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_stay_sorted_and_unique),
        cmocka_unit_test(the_key_is_the_hash_of_canonical_json),
        cmocka_unit_test(only_settings_of_runtimes_leave_the_environment),
        cmocka_unit_test(hard_facts_make_the_key_and_soft_ones_do_not),
        cmocka_unit_test(what_flaps_is_not_in_the_key),
        cmocka_unit_test(what_a_machine_is_made_of_is),
        cmocka_unit_test(clusters_and_their_governors_are_told_apart),
        cmocka_unit_test(the_tightest_group_above_counts),
        cmocka_unit_test(an_empty_machine_has_a_key_too),
        cmocka_unit_test(running_out_of_memory_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
