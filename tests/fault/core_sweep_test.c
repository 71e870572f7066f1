/* Allocator sweep over the core: the n-th allocation fails, n is raised until the call passes. No
 * crash, no leak, and the error says "out of memory". What the vendor libraries (zstd) allocate for
 * themselves is not in it. */
#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/codec.h"
#include "core/mem.h"
#include "core/msg.h"
#include "core/opt.h"
#include "core/tensor.h"
#include "core/wire.h"

struct message {
    const struct ifm_table *table;
    char *text;
    size_t len;
    void *decoded;
};

static int decode(void *argument, struct ifm_err *err)
{
    struct message *m = argument;
    union {
        struct ifm_msg_spec spec;
        struct ifm_msg_event event;
        struct ifm_msg_invocation invocation;
        struct ifm_msg_run run;
    } out;
    int rc = ifm_json_decode(m->table, m->text, m->len, &out, err);
    if (rc) {
        static const unsigned char zero[sizeof out];
        assert_memory_equal(&out, zero, m->table->size);
    }
    ifm_json_free(m->table, &out);
    return rc;
}

static int encode(void *argument, struct ifm_err *err)
{
    struct message *m = argument;
    struct ifm_buf out;
    ifm_buf_init(&out, 1024 * 1024);
    ifm_json_encode(m->table, m->decoded, &out);
    int rc = ifm_buf_check(&out, err);
    ifm_buf_done(&out);
    return rc;
}

static int schema(void *argument, struct ifm_err *err)
{
    struct message *m = argument;
    struct ifm_buf out;
    ifm_buf_init(&out, 1024 * 1024);
    ifm_json_schema(m->table, &out);
    int rc = ifm_buf_check(&out, err);
    ifm_buf_done(&out);
    return rc;
}

static void messages_survive(void **state)
{
    (void)state;
    static const struct {
        const struct ifm_table *table;
        const char *file;
        size_t decode_min;
    } rows[] = { { &ifm_spec_table, "spec-full", 15 },
                 { &ifm_event_table, "event-loaded", 10 },
                 { &ifm_event_table, "event-result", 4 },
                 { &ifm_event_table, "event-samples", 2 },
                 { &ifm_invocation_table, "invocation", 10 },
                 { &ifm_invocation_table, "invocation-failed", 3 },
                 { &ifm_invocation_table, "invocation-plain", 1 },
                 { &ifm_run_table, "run", 40 },
                 { &ifm_run_table, "run-whole", 60 } };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char name[100];
        snprintf(name, sizeof name, "schema/examples/v1/%s.json", rows[i].file);
        char *path = t_source_path(name);
        struct message m = { .table = rows[i].table };
        m.text = t_read(path, &m.len);
        m.decoded = ifm_alloc(m.table->size);
        size_t places = t_sweep_strict(name, decode, &m);
        if (places < rows[i].decode_min) /* did the sweep reach the allocations at all? */
            fail_msg("%s: only %zu places can fail", name, places);
        assert_int_equal(ifm_json_decode(m.table, m.text, m.len, m.decoded, NULL), 0);
        assert_true(t_sweep_strict(name, encode, &m) >= 1);
        assert_true(t_sweep_strict(name, schema, &m) >= 4);
        ifm_json_free(m.table, m.decoded);
        ifm_free(m.decoded);
        ifm_free(m.text);
        ifm_free(path);
    }
}

/* More nodes than the parser's first arena holds, so that jansson's own allocations fail too. */
static void a_long_message_survives(void **state)
{
    (void)state;
    struct ifm_buf text;
    ifm_buf_init(&text, 100000);
    ifm_buf_adds(&text,
                 "{\"v\":1,\"n\":0,\"started_at\":\"2026-11-24T22:51:43Z\",\"status\":\"ok\","
                 "\"latency_ns\":[1");
    for (int i = 0; i < 5000; i++)
        ifm_buf_addf(&text, ",%d", 1600000 + i);
    ifm_buf_adds(&text, "]}");
    struct message m = { .table = &ifm_invocation_table, .text = text.data, .len = text.len };
    assert_true(t_sweep_strict("long message", decode, &m) >= 5);
    ifm_buf_done(&text);
}

struct options {
    struct ifm_option_list list;
    const char *text;
};
static const struct ifm_option rows[] = {
    { "item", IFM_OPT_LIST, offsetof(struct options, list), NULL, 0, 0, NULL, "X", "an item", 'i' },
    { "text", IFM_OPT_STRING, offsetof(struct options, text), "x", 0, 0, NULL, "X", "a text", 0 },
    IFM_OPTION_END
};

static int parse_options(void *argument, struct ifm_err *err)
{
    (void)argument;
    struct options o;
    char *argv[] = { "x", "-i", "1", "rest", "--item", "2", "--text=y", "-i3" };
    int rest, rc = ifm_opt_defaults(rows, &o, err);
    if (rc == 0)
        rc = ifm_opt_parse(rows, &o, 8, argv, &rest, err);
    ifm_opt_done(rows, &o);
    return rc;
}

static int print_options(void *argument, struct ifm_err *err)
{
    (void)argument;
    struct ifm_buf out;
    ifm_buf_init(&out, 100000);
    ifm_opt_help(rows, &out);
    ifm_opt_man(rows, &out);
    ifm_opt_json(rows, &out);
    int rc = ifm_buf_check(&out, err);
    ifm_buf_done(&out);
    return rc;
}

static void options_survive(void **state)
{
    (void)state;
    assert_int_equal(t_sweep_strict("options", parse_options, NULL), 3);
    assert_true(t_sweep_strict("help", print_options, NULL) >= 6);
}

static int write_and_read(void *argument, struct ifm_err *err)
{
    const char *path = argument;
    struct ifm_buf buf;
    ifm_buf_init(&buf, 100000);
    int rc = ifm_buf_write_file(path, "content", 7, err);
    if (rc == 0)
        rc = ifm_buf_read_file(&buf, path, err);
    ifm_buf_done(&buf);
    return rc;
}

static int grow_and_take(void *argument, struct ifm_err *err)
{
    (void)argument;
    struct ifm_buf buf;
    ifm_buf_init(&buf, 100000);
    for (int i = 0; i < 5000; i++)
        ifm_buf_addf(&buf, "%d ", i);
    int rc = ifm_buf_check(&buf, err);
    ifm_free(ifm_buf_take(&buf));
    ifm_buf_done(&buf);
    return rc;
}

static void buffers_and_files_survive(void **state)
{
    (void)state;
    char *path = t_temp_path("sweep.bin");
    assert_true(t_sweep_strict("file", write_and_read, path) >= 3);
    assert_true(t_sweep_strict("buffer", grow_and_take, NULL) >= 5);
    ifm_free(path);
}

static int feed_lines(void *argument, struct ifm_err *err)
{
    (void)argument;
    struct ifm_wire wire;
    ifm_wire_init(&wire, 100000);
    char piece[1000];
    memset(piece, 'x', sizeof piece);
    int rc = 0;
    for (int i = 0; i < 40 && rc == 0; i++) {
        if (i % 20 == 19)
            piece[500] = '\n';
        rc = ifm_wire_feed(&wire, piece, sizeof piece, err);
        const char *line;
        size_t len;
        while (rc == 0 && ifm_wire_next(&wire, &line, &len))
            continue;
        piece[500] = 'x';
    }
    ifm_wire_done(&wire);
    return rc;
}

static int read_one_line(void *argument, struct ifm_err *err)
{
    (void)argument;
    int fds[2];
    struct ifm_buf out;
    assert_int_equal(pipe(fds), 0);
    ifm_buf_init(&out, 1000);
    int rc = ifm_wire_write(fds[1], "a line\n", 7, err);
    if (rc == 0)
        rc = ifm_wire_read_line(fds[0], 100, &out, err);
    ifm_buf_done(&out);
    close(fds[0]);
    close(fds[1]);
    return rc;
}

static void lines_survive(void **state)
{
    (void)state;
    assert_true(t_sweep_strict("feed", feed_lines, NULL) >= 5);
    assert_true(t_sweep_strict("read line", read_one_line, NULL) >= 1);
}

static int code_and_decode(void *argument, struct ifm_err *err)
{
    (void)argument;
    int64_t values[500], back[500];
    size_t count = 0;
    struct ifm_block block = { NULL, 0 };
    for (int i = 0; i < 500; i++)
        values[i] = 1600000 + i * 7919 % 1000;
    /* Encoding ends by giving memory back; when that fails the larger block serves as well. */
    int rc = ifm_codec_encode(values, 500, &block, err);
    if (rc == 0)
        rc = ifm_codec_decode(block.bytes, block.len, back, 500, &count, err);
    if (rc == 0)
        assert_memory_equal(values, back, sizeof values);
    ifm_free(block.bytes);
    return rc;
}

static void the_codec_survives(void **state)
{
    (void)state;
    assert_true(t_sweep("codec", code_and_decode, NULL) >= 2);
}

static int make_tensor(void *argument, struct ifm_err *err)
{
    const char *path = argument;
    static const int64_t dims[] = { 2, 3 };
    struct ifm_tensor t = { 0 }, back = { 0 };
    int rc = ifm_tensor_new(&t, "x", IFM_DTYPE_F32, dims, 2, 1000, err);
    if (rc == 0)
        rc = ifm_npy_write(path, &t, err);
    if (rc == 0)
        rc = ifm_npy_read(path, "y", 1000, &back, err);
    ifm_tensor_done(&back);
    ifm_tensor_done(&t);
    return rc;
}

static void tensors_survive(void **state)
{
    (void)state;
    char *path = t_temp_path("sweep.npy");
    assert_true(t_sweep_strict("tensor", make_tensor, path) >= 4);
    ifm_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_survive), cmocka_unit_test(a_long_message_survives),
        cmocka_unit_test(options_survive),  cmocka_unit_test(buffers_and_files_survive),
        cmocka_unit_test(lines_survive),    cmocka_unit_test(the_codec_survives),
        cmocka_unit_test(tensors_survive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
