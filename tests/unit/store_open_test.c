/* Opening: what is created, and one clear sentence for each thing that can be wrong with a data folder. */
#include "tests/lib/testlib.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <sqlite3.h>

#include "tests/unit/store_fixture.h"

#define ID "019388a0-0000-7000-8000-000000000001"

static struct ifm_err err;

static void sql(const char *path, const char *text)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static char *file_in(const char *dir, const char *name)
{
    struct ifm_buf path;
    ifm_buf_init(&path, 4096);
    ifm_buf_addf(&path, "%s/%s", dir, name);
    return ifm_buf_take(&path);
}

static int try_open(const char *dir)
{
    struct ifm_store *store = NULL;
    err = (struct ifm_err)IFM_ERR_INIT;
    int rc = ifm_store_open(&store, dir, NULL, &err);
    if (rc) assert_null(store);
    ifm_store_close(store);
    return rc;
}

static void creates_a_private_folder_and_opens_again(void **state)
{
    (void)state;
    char *dir = t_temp_path("new/deeper/data");
    struct ifm_store *store;
    struct stat info;
    assert_int_equal(ifm_store_open(&store, dir, NULL, &err), 0);
    assert_int_equal(stat(dir, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    assert_int_equal(ifm_store_ready(store, &err), 0);
    int64_t generation = ifm_store_generation(store);
    assert_int_equal(sf_store_run(store, ID, 2, 1795000000000, NULL, 1000, &err), 0);
    ifm_store_close(store);

    usleep(2000);
    assert_int_equal(ifm_store_open(&store, dir, NULL, &err), 0);
    assert_true(ifm_store_generation(store) > generation + 3); /* no validator of before comes again */
    struct ifm_buf out;
    ifm_buf_init(&out, 1 << 20);
    assert_int_equal(ifm_store_get_run(store, ID, &out, &err), 0);
    t_assert_contains(out.data, "\"closed\":true");
    ifm_buf_done(&out);
    ifm_store_close(store);
    ifm_free(dir);
}

static void one_daemon_per_folder(void **state)
{
    (void)state;
    char *dir = t_temp_path("shared");
    struct ifm_store *store;
    assert_int_equal(ifm_store_open(&store, dir, NULL, &err), 0);
    t_assert_error(try_open(dir), IFM_ERR_BUSY, &err, "another inferometerd uses");
    ifm_store_close(store);
    assert_int_equal(try_open(dir), 0);
    ifm_free(dir);
}

static void refuses_a_newer_database(void **state)
{
    (void)state;
    char *dir = t_temp_path("newer"), *path = file_in(dir, "inferometer.db"), wanted[80];
    assert_int_equal(try_open(dir), 0);
    sql(path, "PRAGMA user_version=9999");
    t_assert_error(try_open(dir), IFM_ERR_CONFIG, &err, "has schema version 9999");
    snprintf(wanted, sizeof wanted, "knows up to %d: start the inferometerd that wrote it", ifm_store_schema_version());
    t_assert_contains(err.text, wanted);
    snprintf(wanted, sizeof wanted, "PRAGMA user_version=%d", ifm_store_schema_version());
    sql(path, wanted); /* untouched: the right program can still use it */
    assert_int_equal(try_open(dir), 0);
    ifm_free(path);
    ifm_free(dir);
}

static void refuses_a_database_of_another_program(void **state)
{
    (void)state;
    char *dir = t_temp_path("foreign"), *path = file_in(dir, "inferometer.db");
    assert_int_equal(mkdir(dir, 0700), 0);
    sql(path, "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
    t_assert_error(try_open(dir), IFM_ERR_CONFIG, &err, "another program");
    sql(path, "SELECT x FROM theirs"); /* nothing of theirs was touched */
    ifm_free(path);
    ifm_free(dir);
}

static void refuses_what_is_no_database(void **state)
{
    (void)state;
    char *dir = t_temp_path("corrupt"), *path = file_in(dir, "inferometer.db"), noise[8192];
    assert_int_equal(mkdir(dir, 0700), 0);
    for (size_t i = 0; i < sizeof noise; i++) noise[i] = (char)(i * 131 + 7);
    t_write(path, noise, sizeof noise);
    t_assert_error(try_open(dir), IFM_ERR_IO, &err, "inferometer.db is damaged or not a database: restore a backup");
    size_t len;
    char *kept = t_read(path, &len);
    assert_int_equal(len, sizeof noise);
    assert_memory_equal(kept, noise, sizeof noise);
    ifm_free(kept);
    ifm_free(path);
    ifm_free(dir);
}

/* A page in the middle is overwritten: what lies on it is an error, the rest still works. */
static void a_damaged_page_is_an_error_not_a_crash(void **state)
{
    (void)state;
    char *dir = t_temp_path("damaged"), *path = file_in(dir, "inferometer.db"), noise[4096];
    struct ifm_store *store;
    struct ifm_buf out;
    assert_int_equal(ifm_store_open(&store, dir, NULL, &err), 0);
    for (unsigned i = 0; i < 30; i++) {
        char id[IFM_UUID_TEXT];
        sf_id(id, i);
        assert_int_equal(sf_store_run(store, id, 1, 1795000000000 + i, NULL, 1000, &err), 0);
    }
    ifm_store_close(store);
    memset(noise, 0xA5, sizeof noise);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    int failures = 0;
    for (long page = 2; page < info.st_size / 4096; page++) {
        char old[4096];
        int fd = open(path, O_RDWR);
        assert_true(fd >= 0);
        assert_int_equal(pread(fd, old, sizeof old, page * 4096), 4096);
        assert_int_equal(pwrite(fd, noise, sizeof noise, page * 4096), 4096);
        close(fd);
        ifm_buf_init(&out, 8 << 20);
        if (ifm_store_open(&store, dir, NULL, &err) == 0) {
            for (unsigned i = 0; i < 30; i++) {
                char id[IFM_UUID_TEXT];
                sf_id(id, i);
                int rc = ifm_store_get_run(store, id, &out, &err);
                assert_true(rc == 0 || rc == IFM_ERR_IO || rc == IFM_ERR_NOT_FOUND);
                if (rc == IFM_ERR_IO) t_assert_contains(err.text, "is damaged");
                failures += rc != 0;
                ifm_buf_reset(&out);
            }
            struct ifm_store_filter all = { 0 };
            int rc = ifm_store_list_runs(store, &all, &out, &err);
            assert_true(rc == 0 || rc == IFM_ERR_IO);
            ifm_store_close(store);
        } else {
            failures++;
        }
        ifm_buf_done(&out);
        fd = open(path, O_RDWR);
        assert_int_equal(pwrite(fd, old, sizeof old, page * 4096), 4096);
        close(fd);
    }
    assert_true(failures > 0);
    assert_int_equal(try_open(dir), 0);
    ifm_free(path);
    ifm_free(dir);
}

static void refuses_a_path_through_a_file(void **state)
{
    (void)state;
    char *file = t_temp_path("plain"), *dir = file_in(file, "data");
    t_write(file, "x", 1);
    t_assert_error(try_open(dir), IFM_ERR_CONFIG, &err, "Not a directory");
    t_assert_contains(err.text, "choose another with --data");
    t_assert_error(try_open(file), IFM_ERR_CONFIG, &err, "Not a directory");
    ifm_free(dir);
    ifm_free(file);
}

/* As another user, because nothing is read-only for root. Expected status: 0 all as it should be. */
static int read_only_child(const char *dir)
{
    if (geteuid() == 0 && (setegid(65534) || seteuid(65534))) return 1;
    if (try_open(dir) != IFM_ERR_PERMISSION) return 2;
    if (!strstr(err.text, "Permission denied") || !strstr(err.text, "--data")) return 3;
    return 0;
}

static void refuses_a_read_only_folder(void **state)
{
    (void)state;
    char *dir = t_temp_path("readonly");
    assert_int_equal(mkdir(dir, 0555), 0);
    assert_int_equal(chmod(t_temp_dir(), 0755), 0);
    pid_t child = fork();
    if (child == 0) _exit(read_only_child(dir));
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    ifm_free(dir);
}

static void a_long_path_keeps_its_end_in_the_sentence(void **state)
{
    (void)state;
    char *dir = t_temp_path("a-rather-long-name-for-a-folder/with-another-long-one-inside-it/and-one-more/data");
    char *path = file_in(dir, "inferometer.db");
    assert_int_equal(try_open(dir), 0);
    t_write(path, "no database at all, but long enough to be looked at as one by anybody who tries", 79);
    t_assert_error(try_open(dir), IFM_ERR_IO, &err, "/and-one-more/data/inferometer.db is damaged");
    ifm_free(path);
    ifm_free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(creates_a_private_folder_and_opens_again),
        cmocka_unit_test(one_daemon_per_folder),
        cmocka_unit_test(refuses_a_newer_database),
        cmocka_unit_test(refuses_a_database_of_another_program),
        cmocka_unit_test(refuses_what_is_no_database),
        cmocka_unit_test(a_damaged_page_is_an_error_not_a_crash),
        cmocka_unit_test(refuses_a_path_through_a_file),
        cmocka_unit_test(refuses_a_read_only_folder),
        cmocka_unit_test(a_long_path_keeps_its_end_in_the_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
