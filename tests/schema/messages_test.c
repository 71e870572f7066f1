/* The committed schemas are the ones that the field tables generate, and every golden message that
 * was ever shipped can still be read. */
#include "tests/lib/testlib.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mem.h"
#include "core/msg.h"

static void committed_schemas_are_the_generated_ones(void **state)
{
    (void)state;
    for (const struct ifm_table *const *table = ifm_msg_tables; *table; table++) {
        char name[128];
        snprintf(name, sizeof name, "schema/%s.schema.json", (*table)->name);
        char *path = t_source_path(name), *committed = t_read(path, NULL);
        struct ifm_buf generated;
        ifm_buf_init(&generated, 1024 * 1024);
        ifm_json_schema(*table, &generated);
        assert_int_equal(ifm_buf_check(&generated, NULL), 0);
        if (strcmp(generated.data, committed) != 0)
            fail_msg(
                "%s is not what core/msg.c generates; build the target `schemas` and commit it",
                name);
        ifm_buf_done(&generated);
        ifm_free(committed);
        ifm_free(path);
    }
}

/* "event-hello.json" is read by the table "event". */
static const struct ifm_table *table_of(const char *file)
{
    size_t len = strcspn(file, "-.");
    for (const struct ifm_table *const *table = ifm_msg_tables; *table; table++)
        if (strlen((*table)->name) == len && memcmp((*table)->name, file, len) == 0)
            return *table;
    return NULL;
}

/* Reads a message, writes it, reads that: both writings must be equal, so nothing is lost on the
 * way. */
static void check_message(const char *folder, const char *file)
{
    const struct ifm_table *table = table_of(file);
    if (!table)
        fail_msg("%s: no table has that name", file);
    char relative[512];
    snprintf(relative, sizeof relative, "%s/%s", folder, file);
    char *path = t_source_path(relative);
    size_t len;
    char *text = t_read(path, &len);
    void *first = ifm_alloc(table->size), *second = ifm_alloc(table->size);
    struct ifm_err err = IFM_ERR_INIT;
    if (ifm_json_decode(table, text, len, first, &err))
        fail_msg("%s: %s: %s", relative, err.where, err.text);
    struct ifm_buf once, twice;
    ifm_buf_init(&once, 8 * 1024 * 1024);
    ifm_buf_init(&twice, 8 * 1024 * 1024);
    ifm_json_encode(table, first, &once);
    assert_int_equal(ifm_buf_check(&once, NULL), 0);
    if (ifm_json_decode(table, once.data, once.len, second, &err))
        fail_msg("%s written again: %s: %s", relative, err.where, err.text);
    ifm_json_encode(table, second, &twice);
    assert_string_equal(once.data, twice.data);
    ifm_buf_done(&twice);
    ifm_buf_done(&once);
    ifm_json_free(table, first);
    ifm_json_free(table, second);
    ifm_free(first);
    ifm_free(second);
    ifm_free(text);
    ifm_free(path);
}

static int check_folder(const char *folder)
{
    char *path = t_source_path(folder);
    DIR *dir = opendir(path);
    if (!dir)
        fail_msg("%s is missing", path);
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        size_t len = strlen(entry->d_name);
        if (len < 6 || strcmp(entry->d_name + len - 5, ".json") != 0)
            continue;
        check_message(folder, entry->d_name);
        count++;
    }
    closedir(dir);
    ifm_free(path);
    return count;
}

static void golden_messages_of_version_1_can_be_read(void **state)
{
    (void)state;
    assert_int_equal(check_folder("schema/examples/v1"),
                     22); /* a golden message is never removed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_schemas_are_the_generated_ones),
        cmocka_unit_test(golden_messages_of_version_1_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
