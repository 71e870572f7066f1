/* The store of local runs, and the search for a daemon's address. */
#include "tests/lib/testlib.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agents/agent/config.h"
#include "agents/agent/spool.h"
#include "agents/cli/measure.h"
#include "core/mem.h"

#define ID   "01a20feb-de7e-78d2-aa47-b229ae4db91c"
#define HASH "2c3c1d144bfa61ad236e92e169c13535c880469a12a047d4e73451f2c059a0ec"

static int set_up(void **state)
{
    (void)state;
    setenv("XDG_STATE_HOME", t_temp_dir(), 1);
    return 0;
}

static struct ifm_msg_run run_facts(void)
{
    return (struct ifm_msg_run){ .v = 1,
                                 .id = ID,
                                 .started_at = "2026-11-24T22:51:43.123Z",
                                 .status = 0,
                                 .planned = 3,
                                 .invocations = 2,
                                 .model = "m",
                                 .variant_sha256 = HASH,
                                 .runtime = "null",
                                 .device_key = HASH,
                                 .config_key = HASH };
}

static void a_run_is_kept_step_by_step(void **state)
{
    (void)state;
    struct ifm_spool spool;
    struct ifm_spool_entry *entries;
    struct ifm_msg_run run = run_facts(), back;
    size_t count;
    assert_int_equal(ifm_spool_list(&entries, &count, NULL), 0);
    assert_int_equal(count, 0);
    assert_int_equal(ifm_spool_begin(&spool, ID, NULL), 0);
    assert_int_equal(ifm_spool_put_open(&spool, &run, NULL), 0);
    assert_int_equal(ifm_spool_state_of(spool.folder), IFM_SPOOL_RUNNING);
    for (int64_t n = 0; n < 2; n++) {
        struct ifm_msg_invocation body = { .v = 1, .n = n, .started_at = run.started_at };
        assert_int_equal(ifm_spool_put_invocation(&spool, &body, NULL), 0);
    }
    assert_int_equal(ifm_spool_invocations(spool.folder), 2);
    ifm_spool_end(&spool);
    assert_int_equal(ifm_spool_state_of(spool.folder), IFM_SPOOL_UNFINISHED);

    assert_int_equal(ifm_spool_recover(spool.folder, NULL), 0); /* its process died */
    assert_int_equal(ifm_spool_state_of(spool.folder), IFM_SPOOL_FINISHED);
    assert_int_equal(ifm_spool_read_run(spool.folder, &back, NULL), 0);
    assert_int_equal(back.status, 1);
    assert_int_equal(back.invocations, 2);
    ifm_json_free(&ifm_run_table, &back);

    assert_int_equal(ifm_spool_list(&entries, &count, NULL), 0);
    assert_int_equal(count, 1);
    assert_string_equal(entries[0].id, ID);
    ifm_free(entries);
}

static void acknowledgements_are_by_daemon(void **state)
{
    (void)state;
    char folder[IFM_SPOOL_PATH_MAX];
    assert_int_equal(ifm_spool_folder(ID, folder, NULL), 0);
    assert_false(ifm_spool_pushed(folder, NULL));
    assert_int_equal(ifm_spool_mark_pushed(folder, "http://a:1", NULL), 0);
    assert_int_equal(ifm_spool_mark_pushed(folder, "http://a:10", NULL), 0);
    assert_int_equal(ifm_spool_mark_pushed(folder, "http://a:1", NULL), 0);
    assert_true(ifm_spool_pushed(folder, "http://a:1"));
    assert_true(ifm_spool_pushed(folder, "http://a:10"));
    assert_false(ifm_spool_pushed(folder, "http://a"));
    assert_true(ifm_spool_pushed(folder, NULL));
}

static void a_discarded_run_leaves_nothing(void **state)
{
    (void)state;
    struct ifm_spool spool;
    struct stat status;
    struct ifm_msg_run run = run_facts();
    assert_int_equal(ifm_spool_begin(&spool, "01a20feb-de7e-78d2-aa47-b229ae4db91d", NULL), 0);
    assert_int_equal(ifm_spool_put_open(&spool, &run, NULL), 0);
    assert_int_equal(stat(spool.folder, &status), 0);
    assert_int_equal(status.st_mode & 0777, 0700);
    ifm_spool_discard(&spool);
    assert_int_not_equal(stat(spool.folder, &status), 0);
}

static void the_daemons_address_has_an_order(void **state)
{
    (void)state;
    struct ifm_daemon_address at;
    struct ifm_err err = IFM_ERR_INIT;
    char *config = t_temp_path("inferometer/config.json"), *folder = t_temp_path("inferometer");
    setenv("XDG_CONFIG_HOME", t_temp_dir(), 1);
    unsetenv("INFEROMETER_DAEMON");
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(ifm_config_daemon(NULL, &at, &err), 0);
    assert_string_equal(at.url, "");
    mkdir(folder, 0700);
    t_write(config, "{\"daemon\":\"http://file:1//\"}", 28);
    assert_int_equal(ifm_config_daemon(NULL, &at, &err), 0);
    assert_string_equal(at.url, "http://file:1");
    setenv("INFEROMETER_DAEMON", "http://env:2", 1);
    assert_int_equal(ifm_config_daemon(NULL, &at, &err), 0);
    assert_string_equal(at.url, "http://env:2");
    assert_int_equal(ifm_config_daemon("https://flag", &at, &err), 0);
    assert_string_equal(at.url, "https://flag");
    assert_int_equal(ifm_config_daemon("none", &at, &err), 0);
    assert_string_equal(at.url, "");
    static const char *const bad[] = { "ftp://x",      "http://",    "http:///x",
                                       "127.0.0.1:80", "http://a b", "http://a?b" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        t_assert_error(ifm_config_daemon(bad[i], &at, &err), IFM_ERR_USAGE, &err,
                       "not a daemon's address");
    unsetenv("INFEROMETER_DAEMON");
    t_write(config, "{\"daemon\":7}", 12);
    t_assert_error(ifm_config_daemon(NULL, &at, &err), IFM_ERR_CONFIG, &err, "config.json");
    unlink(config);
    ifm_free(config);
    ifm_free(folder);
}

static void the_command_to_repeat_names_no_folder(void **state)
{
    (void)state;
    char *argv[] = { "run",
                     "/srv/models/a.onnx",
                     "--daemon",
                     "http://x",
                     "--input=x=dir/x.npy",
                     "--expect=/srv/a=b/ref.npz",
                     "--json",
                     "-o/home/me/out.json",
                     "-o",
                     "out.json",
                     "--label",
                     "url=https://h/1",
                     "--name",
                     "two words" };
    char *text = ifm_measure_command(argv, sizeof argv / sizeof *argv);
    assert_string_equal(
        text, "inferometer run a.onnx --input=x=x.npy --expect=ref.npz --label url=https://h/1 "
              "--name 'two words'");
    ifm_free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_is_kept_step_by_step),
        cmocka_unit_test(acknowledgements_are_by_daemon),
        cmocka_unit_test(a_discarded_run_leaves_nothing),
        cmocka_unit_test(the_daemons_address_has_an_order),
        cmocka_unit_test(the_command_to_repeat_names_no_folder),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
