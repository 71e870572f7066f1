#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/log.h"
#include "core/text.h"

static int fds[2];
static char line[8192];

static int open_pipe(void **state)
{
    (void)state;
    return pipe2(fds, O_NONBLOCK);
}

static int close_pipe(void **state)
{
    (void)state;
    return close(fds[0]) + close(fds[1]);
}

/* The one line that was written, without its newline. */
static const char *written(void)
{
    ssize_t n = read(fds[0], line, sizeof line - 1);
    if (n <= 0)
        return NULL;
    assert_int_equal(line[n - 1], '\n');
    line[n - 1] = '\0';
    assert_null(strchr(line, '\n'));
    return line;
}

static struct ifm_log logger(enum ifm_log_format format)
{
    struct ifm_log log;
    ifm_log_init(&log, fds[1], IFM_LOG_INFO, format, "daemon/http");
    return log;
}

static void logfmt_quotes_only_what_needs_it(void **state)
{
    (void)state;
    struct ifm_log log = logger(IFM_LOG_LOGFMT);
    ifm_log_write(&log, IFM_LOG_WARN, "slow reply", "route", "/runs", "agent", "a \"b\"\n=c",
                  "none", NULL, "empty", "", NULL);
    const char *text = written();
    assert_memory_equal(text, "time=2", 6);
    t_assert_contains(text, "Z level=warn path=daemon/http msg=\"slow reply\" route=/runs "
                            "agent=\"a \\\"b\\\"\\n=c\" none=\"\" empty=\"\"");
}

static void json_is_escaped(void **state)
{
    (void)state;
    struct ifm_log log = logger(IFM_LOG_JSON);
    ifm_log_write(&log, IFM_LOG_ERROR, "a \"b\" \\ \x01 \xff é", "key", "v\t", NULL);
    const char *text = written();
    assert_memory_equal(text, "{\"time\":\"2", 10);
    t_assert_contains(text, "\",\"level\":\"error\",\"path\":\"daemon/http\","
                            "\"msg\":\"a \\\"b\\\" \\\\ \\u0001 \\ufffd é\",\"key\":\"v\\t\"}");
}

static void the_journal_gets_priorities_and_no_time(void **state)
{
    (void)state;
    struct ifm_log log = logger(IFM_LOG_JOURNAL);
    ifm_log_write(&log, IFM_LOG_INFO, "ready", NULL);
    assert_string_equal(written(), "<6>level=info path=daemon/http msg=ready");
    ifm_log_write(&log, IFM_LOG_ERROR, "gone", NULL);
    assert_memory_equal(written(), "<3>level=error", 14);
}

static void auto_finds_the_journal_by_its_descriptor(void **state)
{
    (void)state;
    struct stat st;
    char stream[64];
    struct ifm_log log;
    assert_int_equal(fstat(fds[1], &st), 0);
    snprintf(stream, sizeof stream, "%llu:%llu", (unsigned long long)st.st_dev,
             (unsigned long long)st.st_ino);
    setenv("JOURNAL_STREAM", stream, 1);
    ifm_log_init(&log, fds[1], IFM_LOG_INFO, IFM_LOG_AUTO, "x");
    assert_int_equal(log.format, IFM_LOG_JOURNAL);
    setenv("JOURNAL_STREAM", "1:1", 1);
    ifm_log_init(&log, fds[1], IFM_LOG_INFO, IFM_LOG_AUTO, "x");
    assert_int_equal(log.format, IFM_LOG_LOGFMT);
    unsetenv("JOURNAL_STREAM");
}

static void levels_and_silence(void **state)
{
    (void)state;
    struct ifm_log log = logger(IFM_LOG_LOGFMT), child = ifm_log_child(&log, "daemon/store");
    ifm_log_write(&log, IFM_LOG_DEBUG, "no", NULL);
    assert_null(written());
    ifm_logf(&child, IFM_LOG_INFO, "%d of %d", 3, 7);
    t_assert_contains(written(), "path=daemon/store msg=\"3 of 7\"");
    log.fd = -1;
    ifm_log_write(&log, IFM_LOG_ERROR, "no", NULL);
    ifm_logf(NULL, IFM_LOG_ERROR, "no");
    assert_null(written());
}

static void a_line_is_one_write_of_at_most_2048_bytes(void **state)
{
    (void)state;
    static const enum ifm_log_format formats[] = { IFM_LOG_LOGFMT, IFM_LOG_JSON, IFM_LOG_JOURNAL };
    static char value[5000];
    for (size_t f = 0; f < 3; f++) {
        struct ifm_log log = logger(formats[f]);
        for (size_t len = 1850; len < 2100; len++) {
            for (size_t i = 0; i < len; i++)
                value[i] = (char)("\"é\\ \n"[i % 6]); /* splits é now and then */
            value[len] = '\0';
            ifm_log_write(&log, IFM_LOG_WARN, "m", "plain", "x", "long", value, "after", value,
                          "last", "1", NULL);
            const char *text = written();
            size_t n = strlen(text);
            assert_true(n + 1 <= 2048 && n > 1000);
            assert_true(ifm_text_valid(text, n));
            assert_int_equal(text[n - 1], f == 1 ? '}' : '"');
            if (f == 1)
                assert_int_equal(text[n - 2], '"');
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(logfmt_quotes_only_what_needs_it, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(json_is_escaped, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(the_journal_gets_priorities_and_no_time, open_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(auto_finds_the_journal_by_its_descriptor, open_pipe,
                                        close_pipe),
        cmocka_unit_test_setup_teardown(levels_and_silence, open_pipe, close_pipe),
        cmocka_unit_test_setup_teardown(a_line_is_one_write_of_at_most_2048_bytes, open_pipe,
                                        close_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
