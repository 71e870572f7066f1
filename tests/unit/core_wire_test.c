#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/wire.h"

static void lines_are_the_same_however_the_bytes_are_cut(void **state)
{
    (void)state;
    static const char text[] = "one\ntwo\r\n\n\r\nlonger line\nunfinished";
    static const char *const want[] = { "one", "two", "", "", "longer line" };
    for (size_t piece = 1; piece <= sizeof text; piece++) {
        struct ifm_wire wire;
        ifm_wire_init(&wire, 100);
        size_t n = 0, len;
        const char *line;
        for (size_t at = 0; at < sizeof text - 1; at += piece) {
            size_t left = sizeof text - 1 - at;
            assert_int_equal(ifm_wire_feed(&wire, text + at, piece < left ? piece : left, NULL), 0);
            while (ifm_wire_next(&wire, &line, &len)) {
                assert_true(n < 5);
                assert_int_equal(len, strlen(want[n]));
                assert_memory_equal(line, want[n++], len);
            }
        }
        assert_int_equal(n, 5);
        assert_false(ifm_wire_next(&wire, &line, &len));
        ifm_wire_done(&wire);
    }
    ifm_wire_done(NULL);
}

static void a_line_over_the_limit_is_refused_and_not_kept(void **state)
{
    (void)state;
    struct ifm_wire wire;
    struct ifm_err err = IFM_ERR_INIT;
    ifm_wire_init(&wire, 10);
    assert_int_equal(ifm_wire_feed(&wire, "0123456789\n", 11, &err), 0); /* exactly the limit */
    assert_int_equal(ifm_wire_feed(&wire, "01234", 5, &err), 0);
    assert_int_equal(ifm_wire_feed(&wire, "56789", 5, &err), 0);
    t_assert_error(ifm_wire_feed(&wire, "x", 1, &err), IFM_ERR_TOO_LARGE, &err,
                   "limit of 10 bytes");
    t_assert_error(ifm_wire_feed(&wire, "x\n", 2, &err), IFM_ERR_TOO_LARGE, &err,
                   "limit of 10 bytes");
    t_assert_error(ifm_wire_feed(&wire, "\n01234567890\n", 13, &err), IFM_ERR_TOO_LARGE, &err,
                   "limit");
    const char *line;
    size_t len;
    assert_true(ifm_wire_next(&wire, &line, &len)); /* what came before is still there */
    assert_int_equal(len, 10);
    ifm_wire_done(&wire);
}

static void a_flood_without_newlines_costs_no_memory(void **state)
{
    (void)state;
    struct ifm_wire wire;
    ifm_wire_init(&wire, 100000);
    static char chunk[65536];
    memset(chunk, 'x', sizeof chunk);
    int refused = 0;
    for (int i = 0; i < 200; i++)
        refused += ifm_wire_feed(&wire, chunk, sizeof chunk, NULL) == IFM_ERR_TOO_LARGE;
    assert_int_equal(refused, 199);
    assert_true(wire.pending.cap <= 2 * 100000);
    ifm_wire_done(&wire);
}

static void one_line_is_read_from_a_descriptor(void **state)
{
    (void)state;
    int fds[2];
    struct ifm_buf out;
    struct ifm_err err = IFM_ERR_INIT;
    ifm_buf_init(&out, 1000);
    assert_int_equal(pipe(fds), 0);
    assert_int_equal(ifm_wire_write(fds[1], "{\"v\":1}\r\nrest", 13, &err), 0);
    assert_int_equal(ifm_wire_read_line(fds[0], 100, &out, &err), 0);
    assert_string_equal(out.data, "{\"v\":1}");
    assert_int_equal(ifm_wire_write(fds[1], "0123456789x\n", 12, &err), 0);
    t_assert_error(ifm_wire_read_line(fds[0], 10, &out, &err), IFM_ERR_TOO_LARGE, &err,
                   "limit of 10 bytes");
    assert_int_equal(ifm_wire_write(fds[1], "half", 4, &err), 0);
    close(fds[1]);
    t_assert_error(ifm_wire_read_line(fds[0], 10, &out, &err), IFM_ERR_BAD_REQUEST, &err,
                   "before a whole line");
    close(fds[0]);
    t_assert_error(ifm_wire_read_line(fds[0], 10, &out, &err), IFM_ERR_IO, &err,
                   "reading a line: ");
    t_assert_error(ifm_wire_write(fds[1], "x", 1, &err), IFM_ERR_IO, &err, "writing a line: ");
    ifm_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_the_same_however_the_bytes_are_cut),
        cmocka_unit_test(a_line_over_the_limit_is_refused_and_not_kept),
        cmocka_unit_test(a_flood_without_newlines_costs_no_memory),
        cmocka_unit_test(one_line_is_read_from_a_descriptor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
