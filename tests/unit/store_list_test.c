/* The list: order, filters, pages to the end, cursors that are refused, and a bound on what one page reads. */
#include "tests/lib/testlib.h"

#include <sqlite3.h>

#include "tests/unit/store_fixture.h"

#define RUNS 60
#define FIRST_MS INT64_C(1795000000000)

static struct ifm_store *store;
static struct ifm_err err;
static struct ifm_buf out;

/* Run i: model m0..m2, device d0..d3, commit on every tenth, label team=vision on every sixth, one in twenty
 * failed. Two runs share each start time, so that the order needs the id. */
static void add_run(unsigned i)
{
    char id[IFM_UUID_TEXT], model[16], device[16], commit[16];
    snprintf(model, sizeof model, "m%u", i % 3);
    snprintf(device, sizeof device, "d%u%%_", i % 4);
    snprintf(commit, sizeof commit, "c%u", i / 20);
    struct sf_facts facts = { model, i % 2 ? "null" : "onnxruntime", device, i % 10 ? NULL : commit,
                              i % 6 ? NULL : "team", "vision", i % 20 == 7 ? 2 : 0 };
    sf_id(id, i);
    assert_int_equal(sf_store_run(store, id, 1, FIRST_MS + (i / 2) * 1000, &facts, 1000000, &err), 0);
}

static int open_store(void **state)
{
    (void)state;
    char *dir = t_temp_path("list");
    assert_int_equal(ifm_store_open(&store, dir, NULL, &err), 0);
    ifm_free(dir);
    ifm_buf_init(&out, 64 << 20);
    for (unsigned i = 0; i < RUNS; i++) add_run(i * 7 % RUNS); /* not in order of time */
    return 0;
}

static int close_store(void **state)
{
    (void)state;
    ifm_buf_done(&out);
    ifm_store_close(store);
    return 0;
}

static const char *list(const struct ifm_store_filter *filter)
{
    ifm_buf_reset(&out);
    assert_int_equal(ifm_store_list_runs(store, filter, &out, &err), 0);
    return out.data;
}

/* Numbers of the runs on a page, from their ids. */
static size_t numbers(const char *reply, unsigned *found)
{
    size_t count = 0;
    for (const char *at = reply; (at = strstr(at, "{\"id\":\"")) != NULL; at++) {
        unsigned long long tail = 0;
        sscanf(at + 7 + 24, "%12llx", &tail);
        found[count++] = (unsigned)tail;
    }
    return count;
}

/* Walks all pages; every run must come once. */
static size_t walk(struct ifm_store_filter filter, int limit, unsigned found[RUNS])
{
    char cursor[64] = "";
    size_t total = 0;
    filter.limit = limit;
    for (int page = 0; page < 2 * RUNS; page++) {
        filter.cursor = cursor[0] ? cursor : NULL;
        const char *reply = list(&filter);
        unsigned here[IFM_STORE_LIST_MAX];
        size_t count = numbers(reply, here);
        assert_true(count <= (size_t)limit);
        assert_true(total + count <= RUNS);
        memcpy(found + total, here, count * sizeof *here);
        total += count;
        sf_cursor(reply, cursor);
        if (!cursor[0]) return total;
    }
    fail_msg("the pages do not end");
    return 0;
}

static void newest_first_to_the_end(void **state)
{
    (void)state;
    for (int limit = 1; limit <= RUNS + 1; limit += 6) {
        unsigned found[RUNS];
        assert_int_equal(walk((struct ifm_store_filter){ 0 }, limit, found), RUNS);
        for (unsigned i = 0; i < RUNS; i++) assert_int_equal(found[i], RUNS - 1 - i);
    }
}

struct expectation { struct ifm_store_filter filter; bool (*matches)(unsigned i); };

static bool model_1(unsigned i) { return i % 3 == 1; }
static bool model_0_or_2(unsigned i) { return i % 3 != 1; }
static bool model_1_null(unsigned i) { return i % 3 == 1 && i % 2 == 1; }
static bool device_2(unsigned i) { return i % 4 == 2; }
static bool commit_1(unsigned i) { return i % 10 == 0 && i / 20 == 1; }
static bool failed(unsigned i) { return i % 20 == 7; }
static bool complete(unsigned i) { return i % 20 != 7; }
static bool failed_model_0(unsigned i) { return i % 20 == 7 && i % 3 == 0; }
static bool labelled(unsigned i) { return i % 6 == 0; }
static bool labelled_model_0(unsigned i) { return i % 6 == 0 && i % 3 == 0; }
static bool commit_labelled(unsigned i) { return i % 10 == 0 && i / 20 == 0 && i % 6 == 0; }
static bool window(unsigned i) { return i / 2 >= 10 && i / 2 < 20; }
static bool window_model_1(unsigned i) { return window(i) && i % 3 == 1; }
static bool every(unsigned i) { (void)i; return true; }
static bool none(unsigned i) { (void)i; return false; }
static bool prefix_1x(unsigned i) { return i >= 16 && i < 32; }
static bool prefix_1x_model_1(unsigned i) { return i >= 16 && i < 32 && i % 3 == 1; }
static bool exactly_20(unsigned i) { return i == 20; }

static void filters_give_exactly_the_matching_runs(void **state)
{
    (void)state;
    const struct expectation all[] = {
        { { .model = "m1" }, model_1 },
        { { .model = "m0,m2" }, model_0_or_2 },
        { { .model = "m1", .runtime = "null" }, model_1_null },
        { { .device = "d2%_" }, device_2 },
        { { .search = "D2%_" }, device_2 }, /* % and _ mean themselves */
        { { .search = "d2%%" }, none },
        { { .search = "m1", .runtime = "null" }, model_1_null },
        { { .commit = "c1" }, commit_1 },
        { { .status = "failed" }, failed },
        { { .status = "complete" }, complete },
        { { .status = "failed,interrupted" }, failed },
        { { .status = "failed", .model = "m0" }, failed_model_0 },
        { { .label_key = "team", .label_value = "vision" }, labelled },
        { { .label_key = "team", .label_value = "vision", .model = "m0" }, labelled_model_0 },
        { { .label_key = "team", .label_value = "vision", .commit = "c0" }, commit_labelled },
        { { .label_key = "team", .label_value = "speech" }, none },
        { { .since_ms = FIRST_MS + 10000, .until_ms = FIRST_MS + 20000 }, window },
        { { .since_ms = FIRST_MS + 10000, .until_ms = FIRST_MS + 20000, .model = "m1" }, window_model_1 },
        { { .trust = "not_assessed", .format = "onnx", .provider = "cpu", .verification = "verified" }, every },
        { { .trust = "trusted" }, none },
        { { .verification = "wrong" }, none },
        { { .id_prefix = "019388a0-0000-7000-8000-00000000001" }, prefix_1x },
        { { .id_prefix = "019388a0-0000-7000-8000-00000000001", .model = "m1" }, prefix_1x_model_1 },
        { { .id_prefix = "019388a0-0000-7000-8000-000000000014" }, exactly_20 },
        { { .id_prefix = "019388a0" }, every },
        { { .id_prefix = "019388a1" }, none },
    };
    for (size_t e = 0; e < sizeof all / sizeof *all; e++) {
        for (int limit = 1; limit <= 200; limit = limit * 5 + 2) {
            unsigned found[RUNS];
            size_t count = walk(all[e].filter, limit, found), expected = 0;
            for (unsigned i = 0; i < RUNS; i++) expected += all[e].matches(i);
            if (count != expected) print_error("expectation %zu, limit %d\n", e, limit);
            assert_int_equal(count, expected);
            for (size_t i = 0; i < count; i++) {
                assert_true(all[e].matches(found[i]));
                if (i) assert_true(found[i] < found[i - 1]);
            }
        }
    }
}

static void keys_filter_by_their_bytes(void **state)
{
    (void)state;
    unsigned found[RUNS];
    char *variant = sf_key("m1"), *config = sf_key("null"), *device = sf_key("d1%_");
    struct ifm_store_filter filter = { .variant_sha256 = variant, .config_key = config, .device_key = device };
    size_t count = walk(filter, 2, found);
    assert_int_equal(count, 5); /* 1, 13, 25, 37, 49 */
    for (size_t i = 0; i < count; i++) assert_int_equal(found[i], 49 - 12 * (unsigned)i);
    ifm_free(variant);
    ifm_free(config);
    ifm_free(device);
}

static void cursors_that_are_not_ours_are_refused(void **state)
{
    (void)state;
    char cursor[64], other[64];
    struct ifm_store_filter filter = { .limit = 5, .model = "m1" };
    sf_cursor(list(&filter), cursor);
    assert_int_equal(strlen(cursor), 43);

    filter.cursor = cursor;
    list(&filter);
    filter.limit = 9; /* another page size is no other list */
    list(&filter);
    filter.model = "m2";
    t_assert_error(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST, &err, "without a cursor");
    filter.model = "m1";
    filter.since_ms = 1;
    t_assert_error(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST, &err, "without a cursor");
    filter.since_ms = 0;
    filter.cursor = other;
    for (size_t i = 0; i < 43; i++) { /* no character can be changed */
        memcpy(other, cursor, sizeof other);
        other[i] = other[i] == 'A' ? 'B' : 'A';
        assert_int_equal(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST);
    }
    const char *const bad[] = { "x", "=", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                                "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "\xff\xfe", "a b" };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        filter.cursor = bad[i];
        assert_int_equal(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST);
    }
}

static void bad_filters_say_what_is_allowed(void **state)
{
    (void)state;
    struct ifm_store_filter filter = { .status = "broken" };
    t_assert_error(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST, &err,
                   "complete|interrupted|failed");
    filter = (struct ifm_store_filter){ .device_key = "abc" };
    t_assert_error(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST, &err, "64 lower-case");
    filter = (struct ifm_store_filter){ .id_prefix = "../.." };
    t_assert_error(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST, &err, "beginning of a run");
    filter = (struct ifm_store_filter){ .limit = IFM_STORE_LIST_MAX + 1 };
    t_assert_error(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST, &err, "1..200");
    filter = (struct ifm_store_filter){ .model = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17" };
    t_assert_error(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST, &err, "at most 16");
    char longest[2000];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    filter = (struct ifm_store_filter){ .search = longest };
    t_assert_error(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST, &err, "longer than");
    filter = (struct ifm_store_filter){ .model = longest };
    t_assert_error(ifm_store_list_runs(store, &filter, &out, &err), IFM_ERR_BAD_REQUEST, &err, "longer than");
    filter = (struct ifm_store_filter){ .model = "'; DROP TABLE run; --" };
    assert_string_equal(list(&filter), "{\"items\":[],\"next_cursor\":null}");
}

/* Every filter at its longest at once: the statement has room for all of it. */
static void all_filters_at_once(void **state)
{
    (void)state;
    char keys[16 * 65], words[40];
    char *key = sf_key("m1");
    for (int i = 0; i < 15; i++) snprintf(keys + 65 * i, 66, "%s,", key);
    snprintf(keys + 65 * 15 - 1, 2, "%s", "");
    snprintf(words, sizeof words, "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p");
    struct ifm_store_filter filter = {
        .model = words, .runtime = words, .provider = words, .device = words, .commit = words,
        .status = "complete,failed", .verification = "wrong,verified", .trust = "trusted,caution", .format = words,
        .variant_sha256 = keys, .device_key = keys, .config_key = keys, .search = "x", .label_key = "team",
        .label_value = "vision", .since_ms = 1, .until_ms = 2
    };
    assert_string_equal(list(&filter), "{\"items\":[],\"next_cursor\":null}");
    ifm_free(key);
}

static void a_new_run_does_not_shift_pages(void **state)
{
    (void)state;
    char cursor[64];
    unsigned before[8], after[8];
    struct ifm_store_filter filter = { .limit = 4 };
    sf_cursor(list(&filter), cursor);
    filter.cursor = cursor;
    assert_int_equal(numbers(list(&filter), before), 4);
    char id[IFM_UUID_TEXT];
    sf_id(id, 5000);
    int64_t generation = ifm_store_generation(store);
    assert_int_equal(sf_store_run(store, id, 1, FIRST_MS + 9000000, NULL, 1000000, &err), 0);
    assert_true(ifm_store_generation(store) > generation);
    assert_int_equal(numbers(list(&filter), after), 4);
    assert_memory_equal(before, after, 4 * sizeof *before);
}

/* 25,000 runs put in by SQL: a filter that matches none of them must not read them all for one page. */
static void add_many_rows(const char *dir)
{
    struct ifm_buf path;
    sqlite3 *db;
    ifm_buf_init(&path, 4096);
    ifm_buf_addf(&path, "%s/inferometer.db", dir);
    assert_int_equal(sqlite3_open(path.data, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db,
        "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 25000) "
        "INSERT INTO run (started_at_ms, id, key, status, verification, trust, model, labels, method_version, "
        "invocations_ok, invocations_failed, p99_enough) "
        "SELECT 1795000000000 + i, CAST(printf('%016d', i) AS BLOB), i, 0, 0, 0, 'm', '{}', 1, 1, 0, 0 FROM c", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    ifm_buf_done(&path);
}

static void a_page_looks_at_a_bounded_number_of_rows(void **state)
{
    (void)state;
    struct ifm_store *many;
    char *dir = t_temp_path("many"), cursor[64];
    assert_int_equal(ifm_store_open(&many, dir, NULL, &err), 0);
    add_many_rows(dir);
    const struct { struct ifm_store_filter filter; int pages; } none[] = {
        { { .search = "nothing" }, 3 }, /* 10,000, 10,000 and 5,000 rows */
        { { .model = "m", .provider = "nothing" }, 13 }, /* twelve times 2,000 and 1,000 */
        { { .status = "failed" }, 1 }, /* the index says at once that there is none */
    };
    for (int i = 0; i < 3; i++) {
        struct ifm_store_filter filter = none[i].filter;
        for (int page = 1; page <= none[i].pages; page++) {
            ifm_buf_reset(&out);
            assert_int_equal(ifm_store_list_runs(many, &filter, &out, &err), 0);
            t_assert_contains(out.data, "{\"items\":[],\"next_cursor\":");
            sf_cursor(out.data, cursor);
            assert_int_equal(strlen(cursor), page < none[i].pages ? 43 : 0);
            filter.cursor = cursor;
        }
    }
    ifm_store_close(many);
    ifm_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(newest_first_to_the_end),
        cmocka_unit_test(filters_give_exactly_the_matching_runs),
        cmocka_unit_test(keys_filter_by_their_bytes),
        cmocka_unit_test(cursors_that_are_not_ours_are_refused),
        cmocka_unit_test(bad_filters_say_what_is_allowed),
        cmocka_unit_test(all_filters_at_once),
        cmocka_unit_test(a_new_run_does_not_shift_pages),
        cmocka_unit_test(a_page_looks_at_a_bounded_number_of_rows),
    };
    return cmocka_run_group_tests(tests, open_store, close_store);
}
