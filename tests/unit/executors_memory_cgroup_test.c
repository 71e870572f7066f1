/* The group that limits a worker, where this machine lets us make one. */
#include "tests/lib/testlib.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agents/executors/memory_cgroup.h"

#define LIMIT ((int64_t)60000000)

static void take(size_t bytes)
{
    char *p = malloc(bytes);
    for (size_t i = 0; p && i < bytes; i += 1024)
        ((volatile char *)p)[i] = 1;
    free(p);
}

/* A child that waits to be moved, takes so much, and ends with 0. Returns its wait status. */
static int child_that_takes(const struct ifm_memory_cgroup *group, size_t bytes)
{
    int go[2], status = 0;
    char byte = 'x';
    assert_int_equal(pipe(go), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (read(go[0], &byte, 1) == 1)
            take(bytes);
        _exit(0);
    }
    const bool moved = ifm_memory_cgroup_enter(group, child);
    assert_int_equal(write(go[1], &byte, 1), 1);
    assert_int_equal(waitpid(child, &status, 0), child);
    close(go[0]);
    close(go[1]);
    assert_true(moved);
    return status;
}

static bool made(struct ifm_memory_cgroup *group)
{
    if (ifm_memory_cgroup_make(group, LIMIT))
        return true;
    print_message("SKIP: no memory group can be made here\n");
    return false;
}

static void below_the_limit_nothing_happens(void **state)
{
    struct ifm_memory_cgroup group;
    (void)state;
    if (!made(&group))
        skip();
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", group.folder);
    const int status = child_that_takes(&group, 10000000);
    const int64_t kills = ifm_memory_cgroup_kills(&group);
    ifm_memory_cgroup_done(&group);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(kills <= 0);
    assert_int_not_equal(access(folder, F_OK), 0); /* gone */
    assert_int_equal(group.folder[0], 0);
    ifm_memory_cgroup_done(&group); /* again is allowed */
}

static void over_the_limit_the_kernel_kills_and_counts(void **state)
{
    struct ifm_memory_cgroup group;
    (void)state;
    if (!made(&group))
        skip();
    const int status = child_that_takes(&group, 200000000);
    const int64_t kills = ifm_memory_cgroup_kills(&group);
    ifm_memory_cgroup_done(&group);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_true(kills == 1 || kills == -1);
}

static void two_groups_do_not_meet(void **state)
{
    struct ifm_memory_cgroup a, b;
    (void)state;
    if (!made(&a))
        skip();
    const bool second = ifm_memory_cgroup_make(&b, LIMIT);
    const bool differ = second && strcmp(a.folder, b.folder) != 0;
    ifm_memory_cgroup_done(&a);
    ifm_memory_cgroup_done(&b);
    assert_true(differ);
}

static void what_a_dead_process_left_is_removed(void **state)
{
    struct ifm_memory_cgroup group;
    char left[PATH_MAX + 64], others[PATH_MAX + 64];
    (void)state;
    const pid_t dead = fork();
    if (dead == 0)
        _exit(0);
    waitpid(dead, NULL, 0);
    if (!made(&group))
        skip();
    *strrchr(group.folder, '/') = '\0';
    snprintf(left, sizeof left, "%s/inferometer-%d-3", group.folder, (int)dead);
    snprintf(others, sizeof others, "%s/inferometer-%d-77", group.folder, (int)getppid());
    group.folder[strlen(group.folder)] = '/';
    const bool set_up = mkdir(left, 0755) == 0 && mkdir(others, 0755) == 0;
    ifm_memory_cgroup_done(&group);
    const bool again = ifm_memory_cgroup_make(&group, LIMIT);
    const bool removed = access(left, F_OK) != 0, kept = access(others, F_OK) == 0;
    rmdir(left);
    rmdir(others);
    ifm_memory_cgroup_done(&group);
    assert_true(set_up && again && removed && kept);
}

static void no_limit_makes_no_group(void **state)
{
    struct ifm_memory_cgroup group;
    (void)state;
    assert_false(ifm_memory_cgroup_make(&group, 0));
    assert_false(ifm_memory_cgroup_enter(&group, getpid()));
    assert_int_equal(ifm_memory_cgroup_kills(&group), -1);
    ifm_memory_cgroup_done(&group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(below_the_limit_nothing_happens),
        cmocka_unit_test(over_the_limit_the_kernel_kills_and_counts),
        cmocka_unit_test(two_groups_do_not_meet),
        cmocka_unit_test(what_a_dead_process_left_is_removed),
        cmocka_unit_test(no_limit_makes_no_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
