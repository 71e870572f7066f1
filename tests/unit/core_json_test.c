#include "tests/lib/testlib.h"

#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "core/json.h"
#include "core/mem.h"

struct point {
    int64_t x, y;
};
struct inner {
    double ratio;
    int64_t maybe;
    struct ifm_block block;
};
struct outer {
    bool flag;
    int64_t count, plain;
    double number;
    char *name, *id, *hash, *time;
    int mode;
    struct inner inner, zero;
    struct ifm_list points;
    struct ifm_strings words;
    struct ifm_ints ints;
    struct ifm_map labels, free_map;
    struct ifm_block block;
};

#define OFF(s, f) .name = #f, .offset = offsetof(struct s, f)
static const struct ifm_field point_fields[] = {
    { OFF(point, x), .kind = IFM_FIELD_I64, .flags = IFM_FIELD_REQUIRED, .min = -10, .max = 10 },
    { OFF(point, y), .kind = IFM_FIELD_I64 },
    { .name = NULL }
};
static const struct ifm_table point_table = { "point", NULL, sizeof(struct point), point_fields };
static const struct ifm_field inner_fields[] = {
    { OFF(inner, ratio), .kind = IFM_FIELD_F64, .min = 0, .max = 2 },
    { OFF(inner, maybe), .kind = IFM_FIELD_I64, .flags = IFM_FIELD_NULLABLE },
    { OFF(inner, block), .kind = IFM_FIELD_BLOCK, .max = 9 },
    { .name = NULL }
};
static const struct ifm_table inner_table = { "inner", NULL, sizeof(struct inner), inner_fields };
static const struct ifm_field outer_fields[] = {
    { OFF(outer, flag), .kind = IFM_FIELD_BOOL },
    { OFF(outer, count), .kind = IFM_FIELD_I64, .flags = IFM_FIELD_REQUIRED, .min = 0, .max = 100 },
    { OFF(outer, plain), .kind = IFM_FIELD_I64, .flags = IFM_FIELD_OMIT_ZERO },
    { OFF(outer, number), .kind = IFM_FIELD_F64 },
    { OFF(outer, name), .kind = IFM_FIELD_STRING, .max = 8 },
    { OFF(outer, id), .kind = IFM_FIELD_STRING, .flags = IFM_FIELD_UUID },
    { OFF(outer, hash), .kind = IFM_FIELD_STRING, .flags = IFM_FIELD_SHA256 },
    { OFF(outer, time), .kind = IFM_FIELD_STRING, .flags = IFM_FIELD_TIME },
    { OFF(outer, mode), .kind = IFM_FIELD_CHOICE, .choices = "ok|failed|fail" },
    { OFF(outer, inner), .kind = IFM_FIELD_OBJECT, .table = &inner_table },
    { OFF(outer, zero), .kind = IFM_FIELD_OBJECT, .table = &inner_table,
      .flags = IFM_FIELD_OMIT_ZERO },
    { OFF(outer, points), .kind = IFM_FIELD_LIST, .table = &point_table, .max = 3 },
    { OFF(outer, words), .kind = IFM_FIELD_STRINGS, .max = 2, .item_max = 4 },
    { OFF(outer, ints), .kind = IFM_FIELD_INTS, .max = 4, .item_min = -1, .item_max = 5 },
    { OFF(outer, labels), .kind = IFM_FIELD_MAP, .max = 3, .flags = IFM_FIELD_WORD_KEYS },
    { OFF(outer, free_map), .kind = IFM_FIELD_MAP },
    { OFF(outer, block), .kind = IFM_FIELD_BLOCK },
    { .name = NULL }
};
static const struct ifm_table outer_table = { "outer", NULL, sizeof(struct outer), outer_fields };

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int decode(const char *text, struct outer *out, struct ifm_err *err)
{
    return ifm_json_decode(&outer_table, text, strlen(text), out, err);
}

/* Decodes text, encodes it again and compares; NULL: with the text itself. */
static void round_trip(const char *text, const char *want)
{
    struct outer o;
    struct ifm_err err = IFM_ERR_INIT;
    struct ifm_buf out;
    ifm_buf_init(&out, 100000);
    if (decode(text, &o, &err))
        fail_msg("%s: %s: %s", text, err.where, err.text);
    ifm_json_encode(&outer_table, &o, &out);
    assert_int_equal(ifm_buf_check(&out, NULL), 0);
    assert_string_equal(out.data, want ? want : text);
    ifm_buf_done(&out);
    ifm_json_free(&outer_table, &o);
}

static void everything_comes_back(void **state)
{
    (void)state;
    round_trip("{\"flag\":true,\"count\":7,\"plain\":-3,\"number\":0.1,\"name\":\"é\\\"\\n\","
               "\"id\":\"01936a5c-1f2b-7abc-8def-0123456789ab\",\"hash\":\"" HASH "\","
               "\"time\":\"2026-11-24T22:51:43.123Z\",\"mode\":\"fail\","
               "\"inner\":{\"ratio\":1.5,\"maybe\":-9223372036854775807,\"block\":\"AAEC\"},"
               "\"zero\":{\"maybe\":0},"
               "\"points\":[{\"x\":-10,\"y\":0},{\"x\":10,\"y\":9223372036854775807}],\"words\":["
               "\"a\",\"\"],"
               "\"ints\":[-1,0,5],\"labels\":{\"A.b\":\"1\",\"a-b\":\"\"},\"free_map\":{\"\":\"x\","
               "\"k /~\":\"v\"},"
               "\"block\":\"/+8=\"}",
               NULL);
}

static void what_is_absent_stays_absent(void **state)
{
    (void)state;
    struct outer o;
    assert_int_equal(decode("{\"count\":1}", &o, NULL), 0);
    assert_true(isnan(o.number) && isnan(o.inner.ratio));
    assert_true(o.inner.maybe == IFM_JSON_ABSENT);
    assert_true(o.plain == 0 && o.name == NULL && o.points.items == NULL && o.block.bytes == NULL);
    ifm_json_free(&outer_table, &o);
    assert_true(o.count == 0 && o.number == 0); /* freed means zeroed */
    round_trip("{\"count\":1}", "{\"flag\":false,\"count\":1,\"mode\":\"ok\"}");
    round_trip("{\"count\":1,\"number\":null,\"name\":null,\"inner\":{\"maybe\":null,\"ratio\":"
               "null},\"points\":[],"
               "\"words\":[],\"ints\":[],\"labels\":{},\"block\":\"\",\"plain\":0}",
               "{\"flag\":false,\"count\":1,\"mode\":\"ok\"}");
}

static void a_zeroed_struct_writes_no_zero_objects(void **state)
{
    (void)state;
    struct outer o;
    struct ifm_buf out;
    memset(&o, 0, sizeof o);
    ifm_buf_init(&out, 1000);
    ifm_json_encode(&outer_table, &o, &out);
    assert_string_equal(out.data, "{\"flag\":false,\"count\":0,\"number\":0,\"mode\":\"ok\","
                                  "\"inner\":{\"ratio\":0,\"maybe\":0}}");
    ifm_buf_reset(&out);
    ifm_json_init(&outer_table, &o);
    o.number = INFINITY;
    ifm_json_encode(&outer_table, &o, &out);
    assert_string_equal(out.data, "{\"flag\":false,\"count\":0,\"mode\":\"ok\"}");
    ifm_buf_done(&out);
}

static void unknown_fields_and_order_do_not_matter(void **state)
{
    (void)state;
    round_trip(
        " \t\r\n{\"new\":[{\"block\":\"not base64\"},1.5e3],\"mode\":\"failed\",\"count\":2} ",
        "{\"flag\":false,\"count\":2,\"mode\":\"failed\"}");
}

static void wrong_values_are_refused_with_their_pointer(void **state)
{
    (void)state;
    static const struct {
        const char *text, *where, *what;
    } wrong[] = {
        { "[]", "", "wanted an object, got a list" },
        { "{}", "/count", "is missing" },
        { "{\"count\":null}", "/count", "wanted an integer, got null" },
        { "{\"count\":3.0}", "/count", "wanted an integer, got the real number 3" },
        { "{\"count\":\"3\"}", "/count", "wanted an integer, got \"3\"" },
        { "{\"count\":101}", "/count", "an integer from 0 to 100, got 101" },
        { "{\"count\":-1}", "/count", "an integer from 0 to 100, got -1" },
        { "{\"count\":1,\"plain\":null}", "/plain", "wanted an integer, got null" },
        { "{\"count\":1,\"plain\":-9223372036854775808}", "/plain", "got -9223372036854775808" },
        { "{\"count\":1,\"flag\":1}", "/flag", "wanted true or false, got 1" },
        { "{\"count\":1,\"number\":\"x\"}", "/number", "wanted a number, got \"x\"" },
        { "{\"count\":1,\"number\":true}", "/number", "wanted a number, got true" },
        { "{\"count\":1,\"name\":\"123456789\"}", "/name", "a string of at most 8 bytes, got 9" },
        { "{\"count\":1,\"name\":{}}", "/name", "wanted a string, got an object" },
        { "{\"count\":1,\"id\":\"01936A5C-1f2b-7abc-8def-0123456789ab\"}", "/id", "wanted a UUID" },
        { "{\"count\":1,\"hash\":\"" HASH "0\"}", "/hash", "wanted a SHA-256" },
        { "{\"count\":1,\"hash\":\"ABC\"}", "/hash", "wanted a SHA-256" },
        { "{\"count\":1,\"time\":\"yesterday\"}", "/time", "wanted a time" },
        { "{\"count\":1,\"mode\":\"o\"}", "/mode", "wanted one of ok|failed|fail, got \"o\"" },
        { "{\"count\":1,\"mode\":\"ok|failed\"}", "/mode", "wanted one of" },
        { "{\"count\":1,\"mode\":\"\"}", "/mode", "wanted one of" },
        { "{\"count\":1,\"mode\":0}", "/mode", "wanted one of ok|failed|fail, got 0" },
        { "{\"count\":1,\"inner\":[]}", "/inner", "wanted an object, got a list" },
        { "{\"count\":1,\"inner\":{\"ratio\":2.5}}", "/inner/ratio",
          "a number from 0 to 2, got 2.5" },
        { "{\"count\":1,\"inner\":{\"block\":\"A\"}}", "/inner/block",
          "wanted base64 with its padding" },
        { "{\"count\":1,\"inner\":{\"block\":\"AA A\"}}", "/inner/block", "wanted base64" },
        { "{\"count\":1,\"inner\":{\"block\":7}}", "/inner/block",
          "wanted a base64 string, got 7" },
        { "{\"count\":1,\"points\":{}}", "/points", "wanted a list, got an object" },
        { "{\"count\":1,\"points\":[{\"x\":1},{\"x\":11}]}", "/points/1/x",
          "from -10 to 10, got 11" },
        { "{\"count\":1,\"points\":[{\"x\":1},{}]}", "/points/1/x", "is missing" },
        { "{\"count\":1,\"points\":[{\"x\":1},null]}", "/points/1", "wanted an object, got null" },
        { "{\"count\":1,\"points\":[{},{},{},{}]}", "/points", "at most 3 items, got 4" },
        { "{\"count\":1,\"words\":[\"ok\",\"12345\"]}", "/words/1", "at most 4 bytes, got 5" },
        { "{\"count\":1,\"words\":\"ok\"}", "/words", "wanted a list, got \"ok\"" },
        { "{\"count\":1,\"ints\":[0,-2]}", "/ints/1", "from -1 to 5, got -2" },
        { "{\"count\":1,\"ints\":[0,1e2]}", "/ints/1",
          "wanted an integer, got the real number 100" },
        { "{\"count\":1,\"labels\":[]}", "/labels", "wanted an object of strings, got a list" },
        { "{\"count\":1,\"labels\":{\"a/b\":\"1\"}}", "/labels", "wanted a key of 1 to 64" },
        { "{\"count\":1,\"labels\":{\"\":\"1\"}}", "/labels", "wanted a key of 1 to 64" },
        { "{\"count\":1,\"labels\":{\"a\":1}}", "/labels/a", "wanted a string, got 1" },
        { "{\"count\":1,\"labels\":{\"a\":\"\",\"b\":\"\",\"c\":\"\",\"d\":\"\"}}", "/labels",
          "at most 3 entries" },
        { "{\"count\":1,\"free_map\":{\"x/y~\":1}}", "/free_map/x~1y~0", "wanted a string, got 1" }
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct outer o;
        struct outer zero;
        struct ifm_err err = IFM_ERR_INIT;
        memset(&o, 0xA5, sizeof o);
        memset(&zero, 0, sizeof zero);
        t_assert_error(decode(wrong[i].text, &o, &err), IFM_ERR_INVALID, &err, wrong[i].what);
        assert_string_equal(err.where, wrong[i].where);
        assert_memory_equal(&o, &zero, sizeof o);
    }
}

static void blocks_are_decoded_where_the_table_says_and_nowhere_else(void **state)
{
    (void)state;
    struct outer o;
    struct ifm_err err = IFM_ERR_INIT;
    /* a label called "block" is a label; "bl\u006fck" is the block; "\/" is a slash */
    assert_int_equal(
        decode("{\"free_map\":{\"block\":\"QUJD\"},\"bl\\u006fck\":\"\\/+8=\",\"count\":1,"
               "\"inner\":{\"block\":\"QUJD\"}}",
               &o, &err),
        0);
    assert_string_equal(o.free_map.items[0].value, "QUJD");
    assert_int_equal(o.block.len, 2);
    assert_memory_equal(o.block.bytes, "\xff\xef", 2);
    assert_int_equal(o.inner.block.len, 3);
    assert_memory_equal(o.inner.block.bytes, "ABC", 3);
    ifm_json_free(&outer_table, &o);
    t_assert_error(decode("{\"count\":1,\"inner\":{\"block\":\"QUJDQUJDQUJDQUJDQUJD\"}}", &o, &err),
                   IFM_ERR_TOO_LARGE, &err, "a block of at most 9 bytes");
    assert_string_equal(err.where, "/inner/block");
    t_assert_error(decode("{\"count\":1,\"inner\":{\"block\":\"QUJDQUJDQUJDQQ==\"}}", &o, &err),
                   IFM_ERR_TOO_LARGE, &err, "a block of at most 9 bytes, got 10");
    /* an object where the block should be, with a string in it that must not be taken for one */
    t_assert_error(decode("{\"count\":1,\"block\":{\"block\":\"0\"}}", &o, &err), IFM_ERR_INVALID,
                   &err, "wanted a base64 string, got an object");
}

static void offsets_in_messages_are_those_of_the_text(void **state)
{
    (void)state;
    struct outer o;
    struct ifm_err err = IFM_ERR_INIT;
    const char *text = "{\"count\":1,\"block\":\"QUJDQUJDQUJDQUJDQUJDQUJD\",\"number\":nul}";
    char at[32];
    snprintf(at, sizeof at, "at byte %zu", (size_t)(strstr(text, "nul}") - text) + 3);
    t_assert_error(decode(text, &o, &err), IFM_ERR_BAD_REQUEST, &err, at);
    t_assert_contains(err.text, "'nul'");
}

static void maps_are_sorted(void **state)
{
    (void)state;
    round_trip("{\"count\":1,\"labels\":{\"z\":\"1\",\"B\":\"2\",\"a\":\"3\"}}",
               "{\"flag\":false,\"count\":1,\"mode\":\"ok\",\"labels\":{\"B\":\"2\",\"a\":\"3\","
               "\"z\":\"1\"}}");
}

static void a_schema_says_what_the_table_says(void **state)
{
    (void)state;
    struct ifm_buf out;
    ifm_buf_init(&out, 100000);
    ifm_json_schema(&point_table, &out);
    assert_string_equal(out.data,
                        "{\n"
                        "  \"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
                        "  \"$id\": \"point.schema.json\",\n"
                        "  \"title\": \"point\",\n"
                        "  \"type\": \"object\",\n"
                        "  \"properties\": {\n"
                        "    \"x\": {\n"
                        "      \"type\": \"integer\",\n"
                        "      \"minimum\": -10,\n"
                        "      \"maximum\": 10\n"
                        "    },\n"
                        "    \"y\": {\n"
                        "      \"type\": \"integer\"\n"
                        "    }\n"
                        "  },\n"
                        "  \"required\": [\"x\"],\n"
                        "  \"additionalProperties\": true\n"
                        "}\n");
    ifm_buf_reset(&out);
    ifm_json_schema(&outer_table, &out);
    t_assert_contains(out.data, "\"type\": [\"integer\", \"null\"]");
    t_assert_contains(out.data, "\"enum\": [\"ok\", \"failed\", \"fail\"]");
    t_assert_contains(out.data, "\"$ref\": \"#/$defs/point\"");
    t_assert_contains(out.data, "\"contentEncoding\": \"base64\"");
    t_assert_contains(out.data, "\"pattern\": \"^[0-9a-f]{64}$\"");
    ifm_buf_done(&out);
}

static void *decode_many(void *failures)
{
    for (int i = 0; i < 200; i++) {
        struct outer o;
        struct ifm_err err = IFM_ERR_INIT;
        bool bad = decode("{\"count\":1,\"name\":\"x\",\"block\":\"QUJD\"}", &o, &err) != 0;
        ifm_json_free(&outer_table, &o);
        bad = bad || decode("{\"count\":-1}", &o, &err) != IFM_ERR_INVALID;
        *(int *)failures += bad;
    }
    return NULL;
}

static void threads_do_not_disturb_each_other(void **state)
{
    (void)state;
    pthread_t threads[4];
    int failures[4] = { 0 };
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, decode_many, &failures[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(failures[i], 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_comes_back),
        cmocka_unit_test(what_is_absent_stays_absent),
        cmocka_unit_test(a_zeroed_struct_writes_no_zero_objects),
        cmocka_unit_test(unknown_fields_and_order_do_not_matter),
        cmocka_unit_test(wrong_values_are_refused_with_their_pointer),
        cmocka_unit_test(blocks_are_decoded_where_the_table_says_and_nowhere_else),
        cmocka_unit_test(offsets_in_messages_are_those_of_the_text),
        cmocka_unit_test(threads_do_not_disturb_each_other),
        cmocka_unit_test(maps_are_sorted),
        cmocka_unit_test(a_schema_says_what_the_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
