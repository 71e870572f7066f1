#include "tests/lib/testlib.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"

static void text_grows_and_stays_terminated(void **state)
{
    (void)state;
    struct ifm_buf buf;
    ifm_buf_init(&buf, 100000);
    for (int i = 0; i < 1000; i++)
        ifm_buf_addf(&buf, "%d,", i);
    ifm_buf_addc(&buf, '!');
    assert_int_equal(ifm_buf_check(&buf, NULL), 0);
    assert_int_equal(strlen(buf.data), buf.len);
    assert_string_equal(buf.data + buf.len - 5, "999,!");
    ifm_buf_done(&buf);
    ifm_buf_done(NULL);
}

static void a_long_format_is_not_cut(void **state)
{
    (void)state;
    struct ifm_buf buf;
    char text[1000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    ifm_buf_init(&buf, 5000);
    ifm_buf_addf(&buf, "<%s>", text);
    assert_int_equal(buf.len, 1001);
    assert_int_equal(buf.data[1000], '>');
    ifm_buf_done(&buf);
}

static void the_maximum_is_exact_and_failures_stick(void **state)
{
    (void)state;
    struct ifm_buf buf;
    struct ifm_err err = IFM_ERR_INIT;
    ifm_buf_init(&buf, 4);
    ifm_buf_adds(&buf, "abcd");
    assert_int_equal(buf.failed, 0);
    ifm_buf_adds(&buf, "e");
    t_assert_error(ifm_buf_check(&buf, &err), IFM_ERR_TOO_LARGE, &err, "limit of 4 bytes");
    ifm_buf_add(&buf, "", 0);
    ifm_buf_addf(&buf, "%s", "");
    assert_null(ifm_buf_room(&buf, 0));
    assert_null(ifm_buf_take(&buf));
    assert_string_equal(buf.data, "abcd");
    ifm_buf_reset(&buf);
    ifm_buf_adds(&buf, "wx");
    char *text = ifm_buf_take(&buf);
    assert_string_equal(text, "wx");
    assert_null(ifm_buf_take(&buf));
    ifm_free(text);
    ifm_buf_done(&buf);
    ifm_buf_init(&buf, SIZE_MAX);
    ifm_buf_addc(&buf, 'a');
    assert_null(ifm_buf_room(&buf, SIZE_MAX - 1));
    ifm_buf_done(&buf);
}

static void a_file_comes_back_as_it_was_written(void **state)
{
    (void)state;
    char *path = t_temp_path("file.bin");
    static char content[300000];
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (char)(i * 7);
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(ifm_buf_write_file(path, "old", 3, &err), 0);
    assert_int_equal(ifm_buf_write_file(path, content, sizeof content, &err), 0);
    struct ifm_buf buf;
    ifm_buf_init(&buf, sizeof content);
    assert_int_equal(ifm_buf_read_file(&buf, path, &err), 0);
    assert_int_equal(buf.len, sizeof content);
    assert_memory_equal(buf.data, content, sizeof content);
    ifm_buf_done(&buf);
    ifm_buf_init(&buf, sizeof content - 1);
    t_assert_error(ifm_buf_read_file(&buf, path, &err), IFM_ERR_TOO_LARGE, &err,
                   "file.bin: larger than");
    ifm_buf_done(&buf);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0600, 0600);
    ifm_free(path);
}

static void an_empty_file_and_a_sizeless_one_can_be_read(void **state)
{
    (void)state;
    char *path = t_temp_path("empty");
    struct ifm_buf buf;
    struct ifm_err err = IFM_ERR_INIT;
    ifm_buf_init(&buf, 10);
    assert_int_equal(ifm_buf_write_file(path, "", 0, &err), 0);
    assert_int_equal(ifm_buf_read_file(&buf, path, &err), 0);
    assert_int_equal(buf.len, 0);
    ifm_buf_done(&buf);
    ifm_buf_init(&buf, 1024 * 1024);
    assert_int_equal(ifm_buf_read_file(&buf, "/proc/self/status", &err), 0);
    t_assert_contains(buf.data, "VmHWM");
    ifm_buf_done(&buf);
    ifm_free(path);
}

static int entries(const char *folder)
{
    DIR *dir = opendir(folder);
    int n = 0;
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2;
}

static void a_failed_write_leaves_the_old_file_and_nothing_else(void **state)
{
    (void)state;
    char *folder = t_temp_path("keep"), *path = t_temp_path("keep/target"),
         *missing = t_temp_path("no/where");
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_int_equal(mkdir(path, 0700), 0); /* a folder cannot be replaced by a file */
    assert_int_equal(ifm_buf_write_file(path, "x", 1, &err), IFM_ERR_IO);
    t_assert_contains(err.text, "keep/target: ");
    assert_int_equal(ifm_buf_write_file(path, "x", 1, NULL), IFM_ERR_IO);
    assert_int_equal(entries(folder), 1);
    t_assert_error(ifm_buf_write_file(missing, "x", 1, &err), IFM_ERR_NOT_FOUND, &err,
                   "no/where: ");
    struct ifm_buf buf;
    ifm_buf_init(&buf, 10);
    t_assert_error(ifm_buf_read_file(&buf, path, &err), IFM_ERR_INVALID, &err, "is a folder");
    t_assert_error(ifm_buf_read_file(&buf, missing, &err), IFM_ERR_NOT_FOUND, &err, "no/where: ");
    ifm_buf_done(&buf);
    ifm_free(folder);
    ifm_free(path);
    ifm_free(missing);
}

static void a_relative_name_is_synced_in_this_folder(void **state)
{
    (void)state;
    struct ifm_err err = IFM_ERR_INIT;
    assert_int_equal(chdir(t_temp_dir()), 0);
    assert_int_equal(ifm_buf_write_file("plain", "x", 1, &err), 0);
    assert_int_equal(access("plain", R_OK), 0);
    assert_int_equal(chdir("/"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_grows_and_stays_terminated),
        cmocka_unit_test(a_long_format_is_not_cut),
        cmocka_unit_test(the_maximum_is_exact_and_failures_stick),
        cmocka_unit_test(a_file_comes_back_as_it_was_written),
        cmocka_unit_test(an_empty_file_and_a_sizeless_one_can_be_read),
        cmocka_unit_test(a_failed_write_leaves_the_old_file_and_nothing_else),
        cmocka_unit_test(a_relative_name_is_synced_in_this_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
