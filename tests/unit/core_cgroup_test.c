/* The peak of a control group: recorded trees of both hierarchies, and this machine where it lets
 * us make a group. */
#include "tests/lib/testlib.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include "core/cgroup.h"
#include "core/json.h"
#include "core/mem.h"

static void put(const char *root, const char *path, const char *text)
{
    char full[4096];
    snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(full, 0755);
        *slash = '/';
    }
    t_write(full, text, strlen(text));
}

static char *tree(const char *name)
{
    char *root = t_temp_path(name);
    assert_int_equal(mkdir(root, 0755), 0);
    return root;
}

static void a_group_of_the_first_hierarchy_is_read(void **state)
{
    char *root = tree("v1");
    (void)state;
    put(root, "/proc/self/cgroup", "9:name=systemd:/\n4:cpu,memory:/own/group\n0::/\n");
    put(root, "/proc/self/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n"
        "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory\n");
    put(root, "/sys/fs/cgroup/memory/own/group/cgroup.procs", "77\n");
    put(root, "/sys/fs/cgroup/memory/own/group/memory.max_usage_in_bytes", "123456789\n");
    assert_int_equal(ifm_cgroup_peak(root, 77), 123456789);
    assert_int_equal(ifm_cgroup_peak(root, 7), IFM_JSON_ABSENT); /* somebody else's */
    put(root, "/sys/fs/cgroup/memory/own/group/cgroup.procs", "77\n78\n");
    assert_int_equal(ifm_cgroup_peak(root, 77), IFM_JSON_ABSENT); /* shared */
    put(root, "/sys/fs/cgroup/memory/own/group/cgroup.procs", "77\n");
    put(root, "/sys/fs/cgroup/memory/own/group/memory.max_usage_in_bytes", "many\n");
    assert_int_equal(ifm_cgroup_peak(root, 77), IFM_JSON_ABSENT);
    ifm_free(root);
}

static void a_group_of_the_second_hierarchy_is_read(void **state)
{
    char *root = tree("v2");
    (void)state;
    put(root, "/proc/self/cgroup", "0::/user.slice/ifm\n");
    put(root, "/proc/self/mountinfo",
        "29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n");
    put(root, "/sys/fs/cgroup/user.slice/ifm/cgroup.procs", "77\n");
    assert_int_equal(ifm_cgroup_peak(root, 77), IFM_JSON_ABSENT); /* an older kernel: no peak */
    put(root, "/sys/fs/cgroup/user.slice/ifm/memory.peak", "4096\n");
    assert_int_equal(ifm_cgroup_peak(root, 77), 4096);
    ifm_free(root);
}

static void a_mount_that_shows_a_part_is_understood(void **state)
{
    char *root = tree("part");
    (void)state;
    put(root, "/proc/self/cgroup", "4:memory:/docker/abc\n");
    put(root, "/proc/self/mountinfo",
        "35 31 0:32 /docker/abc /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    put(root, "/sys/fs/cgroup/memory/cgroup.procs", "1\n");
    put(root, "/sys/fs/cgroup/memory/memory.max_usage_in_bytes", "5000\n");
    assert_int_equal(ifm_cgroup_peak(root, 1), 5000);
    char folder[4096]; /* a name that only begins like the mount's is no part of it */
    put(root, "/proc/self/cgroup", "4:memory:/docker/abcd\n");
    assert_true(ifm_cgroup_folder(root, IFM_CGROUP_V1, folder, sizeof folder));
    assert_string_equal(folder, "/sys/fs/cgroup/memory/docker/abcd");
    ifm_free(root);
}

static void rubbish_is_absent(void **state)
{
    char *root = tree("rubbish"), *empty = tree("empty");
    (void)state;
    put(root, "/proc/self/cgroup", "4:memory\n:::\n0:\n4:memory:/x");
    put(root, "/proc/self/mountinfo", "1\n - cgroup\n35 31 0:32 / /m rw - cgroup\n");
    assert_int_equal(ifm_cgroup_peak(root, 1), IFM_JSON_ABSENT);
    assert_int_equal(ifm_cgroup_peak(empty, 1), IFM_JSON_ABSENT);
    assert_true(ifm_cgroup_peak("", getpid()) >= 0 ||
                ifm_cgroup_peak("", getpid()) == IFM_JSON_ABSENT);
    ifm_free(root);
    ifm_free(empty);
}

/* -- Live -----------------------------------------------------------------------------------------
 */
static bool move_to(const char *folder)
{
    char path[4096], pid[32];
    snprintf(path, sizeof path, "%s/cgroup.procs", folder);
    const int n = snprintf(pid, sizeof pid, "%d", (int)getpid());
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    const bool done = fd >= 0 && write(fd, pid, (size_t)n) == n;
    if (fd >= 0) {
        close(fd);
    }
    return done;
}

struct seen {
    bool moved;
    int64_t before, after;
};

static struct seen look(const char *folder)
{
    struct seen seen = { .moved = move_to(folder) };
    if (seen.moved) {
        seen.before = ifm_cgroup_peak("", getpid());
        char *taken = malloc(20 << 20);
        for (size_t i = 0; taken && i < 20 << 20; i += 1024) {
            ((volatile char *)taken)[i] = 1;
        }
        seen.after = ifm_cgroup_peak("", getpid());
        free(taken);
    }
    return seen;
}

/* A child moves, so that this process stays where it was put. */
static void a_group_of_ones_own_counts_what_one_takes(void **state)
{
    const char *parent = "/sys/fs/cgroup/memory"; /* v1, writable by root alone */
    char folder[128];
    int pipe_fds[2];
    struct seen seen = { .moved = false };
    (void)state;
    snprintf(folder, sizeof folder, "%s/ifm-test-%d", parent, (int)getpid());
    if (mkdir(folder, 0755) != 0) {
        print_message("SKIP: no memory group can be made in %s\n", parent);
        skip();
    }
    assert_int_equal(pipe(pipe_fds), 0);
    const pid_t child = fork();
    if (child == 0) {
        seen = look(folder);
        _exit(write(pipe_fds[1], &seen, sizeof seen) == sizeof seen ? 0 : 1);
    }
    const bool got = child > 0 && read(pipe_fds[0], &seen, sizeof seen) == sizeof seen;
    waitpid(child, NULL, 0);
    rmdir(folder);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    assert_true(got);
    if (!seen.moved) {
        print_message("SKIP: a process may not move to a memory group of its own\n");
        skip();
    }
    assert_true(seen.before >= 0);
    assert_true(seen.after >= seen.before + (19 << 20));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_of_the_first_hierarchy_is_read),
        cmocka_unit_test(a_group_of_the_second_hierarchy_is_read),
        cmocka_unit_test(a_mount_that_shows_a_part_is_understood),
        cmocka_unit_test(rubbish_is_absent),
        cmocka_unit_test(a_group_of_ones_own_counts_what_one_takes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
