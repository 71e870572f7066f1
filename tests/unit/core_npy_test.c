/* .npy files: as numpy writes them, and as somebody hostile would. */
#include "near.h"

#include <sys/stat.h>
#include <unistd.h>

#include "core/mem.h"
#include "core/rng.h"
#include "core/tensor.h"

#define LIMIT ((size_t)1 << 20)

struct file {
    uint8_t bytes[70000];
    size_t len;
};

/* A version 1.0 file with this dictionary text and `data` bytes 0, 1, 2 … */
static void build(struct file *f, const char *dict, size_t data)
{
    size_t text = strlen(dict), len = (10 + text + 1 + 63) / 64 * 64 - 10;
    memcpy(f->bytes, "\x93NUMPY\x01\x00", 8);
    f->bytes[8] = (uint8_t)len;
    f->bytes[9] = (uint8_t)(len >> 8);
    memset(f->bytes + 10, ' ', len);
    memcpy(f->bytes + 10, dict, text);
    f->bytes[10 + len - 1] = '\n';
    for (size_t i = 0; i < data; i++)
        f->bytes[10 + len + i] = (uint8_t)i;
    f->len = 10 + len + data;
}

static int parse(const struct file *f, struct ifm_tensor *t, struct ifm_err *err)
{
    uint8_t *exact = malloc(f->len ? f->len : 1); /* so that a sanitizer sees a read beyond */
    memcpy(exact, f->bytes, f->len);
    int rc = ifm_npy_parse(exact, f->len, "input", LIMIT, t, err);
    free(exact);
    return rc;
}

static void numpy_files_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *dict;
        size_t data;
        enum ifm_dtype dtype;
        int32_t rank;
        int64_t dims[3];
    } rows[] = {
        { "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }",
          24,
          IFM_DTYPE_F32,
          2,
          { 2, 3 } },
        { "{'descr': '<f8', 'fortran_order': False, 'shape': (5,), }",
          40,
          IFM_DTYPE_F64,
          1,
          { 5 } },
        { "{'descr': '<f2', 'fortran_order': False, 'shape': (), }", 2, IFM_DTYPE_F16, 0, { 0 } },
        { "{'descr': '|i1', 'fortran_order': False, 'shape': (0, 4), }",
          0,
          IFM_DTYPE_I8,
          2,
          { 0, 4 } },
        { "{'descr': '|b1', 'fortran_order': False, 'shape': (1, 1, 3), }",
          3,
          IFM_DTYPE_BOOL,
          3,
          { 1, 1, 3 } },
        { "{'descr': '<u8', 'fortran_order': False, 'shape': (1,), }", 8, IFM_DTYPE_U64, 1, { 1 } },
        { "{'descr': '<V2', 'fortran_order': False, 'shape': (2,), }",
          4,
          IFM_DTYPE_BF16,
          1,
          { 2 } },
        { "{'shape':(2L,3L),'fortran_order':False,'descr':\"<i2\"}",
          12,
          IFM_DTYPE_I16,
          2,
          { 2, 3 } }
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct file f;
        struct ifm_tensor t;
        build(&f, rows[i].dict, rows[i].data);
        assert_int_equal(parse(&f, &t, NULL), 0);
        assert_int_equal(t.dtype, rows[i].dtype);
        assert_int_equal(t.rank, rows[i].rank);
        for (int32_t j = 0; j < t.rank; j++)
            assert_int_equal(t.dims[j], rows[i].dims[j]);
        assert_int_equal(t.bytes, rows[i].data);
        assert_int_equal((uintptr_t)t.data % 64, 0);
        for (size_t j = 0; j < t.bytes; j++)
            assert_int_equal(((uint8_t *)t.data)[j], j);
        ifm_tensor_done(&t);
    }
}

static void version_2_headers_are_read(void **state)
{
    (void)state;
    static const char dict[] = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }\n";
    struct file f;
    struct ifm_tensor t;
    memcpy(f.bytes, "\x93NUMPY\x02\x00", 8);
    memcpy(f.bytes + 8, (uint8_t[]){ sizeof dict - 1, 0, 0, 0 }, 4);
    memcpy(f.bytes + 12, dict, sizeof dict - 1);
    memcpy(f.bytes + 12 + sizeof dict - 1, "\0\0\x80\x3f", 4);
    f.len = 12 + sizeof dict - 1 + 4;
    assert_int_equal(parse(&f, &t, NULL), 0);
    assert_near(ifm_tensor_value(&t, 0), 1, 0);
    ifm_tensor_done(&t);
    struct ifm_err err = IFM_ERR_INIT;
    memcpy(f.bytes + 8, (uint8_t[]){ 1, 0, 1, 0 }, 4); /* a header of 65,537 bytes */
    assert_int_equal(parse(&f, &t, &err), IFM_ERR_TOO_LARGE);
    memcpy(f.bytes + 8, (uint8_t[]){ 255, 255, 255, 255 }, 4);
    assert_int_equal(parse(&f, &t, &err), IFM_ERR_TOO_LARGE);
    f.len = 11;
    assert_int_equal(parse(&f, &t, &err), IFM_ERR_INVALID);
}

#define HEAD "{'descr': '<f4', 'fortran_order': False, 'shape': "

static void unusable_files_get_one_clear_sentence(void **state)
{
    (void)state;
    static const struct {
        const char *dict;
        size_t data;
        int code;
        const char *says;
    } rows[] = { { "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", 24,
                   IFM_ERR_UNSUPPORTED, "ascontiguous" },
                 { "{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }", 4,
                   IFM_ERR_UNSUPPORTED, "big endian" },
                 { "{'descr': '<c8', 'fortran_order': False, 'shape': (1,), }", 8,
                   IFM_ERR_UNSUPPORTED, "<c8" },
                 { "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", 8,
                   IFM_ERR_UNSUPPORTED, "|O" },
                 { "{'descr': '<U4', 'fortran_order': False, 'shape': (1,), }", 16,
                   IFM_ERR_UNSUPPORTED, "<U4" },
                 { "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", 4,
                   IFM_ERR_UNSUPPORTED, "structured" },
                 { HEAD "(2, 3), }", 23, IFM_ERR_INVALID, "23 of the 24" },
                 { HEAD "(2, 3), }", 25, IFM_ERR_INVALID, "1 bytes after" },
                 { HEAD "(1, 1, 1, 1, 1, 1, 1, 1, 1), }", 4, IFM_ERR_UNSUPPORTED, "8 dimensions" },
                 { HEAD "(4294967296, 4294967296), }", 4, IFM_ERR_TOO_LARGE, "too large" },
                 { HEAD "(9223372036854775807,), }", 4, IFM_ERR_TOO_LARGE, "too large" },
                 { HEAD "(9223372036854775808,), }", 4, IFM_ERR_INVALID, "whole numbers" },
                 { HEAD "(-1,), }", 4, IFM_ERR_INVALID, "whole numbers" },
                 { HEAD "(1.5,), }", 4, IFM_ERR_INVALID, "whole numbers" },
                 { HEAD "(1 2), }", 4, IFM_ERR_INVALID, "whole numbers" },
                 { HEAD "(1,,), }", 4, IFM_ERR_INVALID, "whole numbers" },
                 { HEAD "(3), }", 12, IFM_ERR_INVALID, "whole numbers" },
                 { HEAD "(,), }", 4, IFM_ERR_INVALID, "whole numbers" },
                 { HEAD "3, }", 12, IFM_ERR_INVALID, "shape" },
                 { HEAD "(3,), } x", 12, IFM_ERR_INVALID, "text follows" },
                 { HEAD "(3,), 'shape': (3,), }", 12, IFM_ERR_INVALID, "twice" },
                 { HEAD "(3,), 'x': 1, }", 12, IFM_ERR_INVALID, "unknown" },
                 { HEAD "(3,)", 12, IFM_ERR_INVALID, "dictionary" },
                 { "{'descr': '<f4', 'shape': (3,), }", 12, IFM_ERR_INVALID, "lacks a key" },
                 { "{'descr': '<f4', 'fortran_order': 0, 'shape': (3,), }", 12, IFM_ERR_INVALID,
                   "fortran_order" },
                 { "{'descr': f4, 'fortran_order': False, 'shape': (3,), }", 12, IFM_ERR_INVALID,
                   "element type" },
                 { "{'descr': '<f4\\x00', 'fortran_order': False, 'shape': (3,), }", 12,
                   IFM_ERR_INVALID, "element type" },
                 { "{'descr': '<f4, 'fortran_order': False, 'shape': (3,), }", 12,
                   IFM_ERR_UNSUPPORTED, "element type" },
                 { "[1, 2]", 0, IFM_ERR_INVALID, "dictionary" },
                 { "__import__('os').system('true')", 0, IFM_ERR_INVALID, "dictionary" },
                 { "", 0, IFM_ERR_INVALID, "dictionary" } };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct file f;
        struct ifm_tensor t;
        struct ifm_err err = IFM_ERR_INIT;
        build(&f, rows[i].dict, rows[i].data);
        int rc = parse(&f, &t, &err);
        if (rc != rows[i].code || !strstr(err.text, rows[i].says))
            print_error("%s: %d %s\n", rows[i].dict, rc, err.text);
        assert_int_equal(rc, rows[i].code);
        assert_non_null(strstr(err.text, rows[i].says));
        assert_null(t.data);
        assert_null(t.name);
    }
}

static void marks_and_versions_are_checked(void **state)
{
    (void)state;
    struct file f;
    struct ifm_tensor t;
    struct ifm_err err = IFM_ERR_INIT;
    build(&f, HEAD "(3,), }", 12);
    for (size_t i = 0; i < 6; i++) {
        f.bytes[i] ^= 1;
        assert_int_equal(parse(&f, &t, &err), IFM_ERR_INVALID);
        f.bytes[i] ^= 1;
    }
    for (unsigned major = 0; major < 256; major++)
        if (major != 1 && major != 2) {
            f.bytes[6] = (uint8_t)major;
            assert_int_equal(parse(&f, &t, &err), IFM_ERR_UNSUPPORTED);
        }
    f.bytes[6] = 1;
    f.bytes[7] = 1;
    assert_int_equal(parse(&f, &t, &err), IFM_ERR_UNSUPPORTED);
    assert_non_null(strstr(err.text, "1.1"));
    f.bytes[7] = 0;
    size_t whole = f.len;
    for (f.len = 0; f.len < whole; f.len++)
        assert_int_equal(parse(&f, &t, &err), IFM_ERR_INVALID);
    assert_int_equal(parse(&f, &t, &err), 0);
    ifm_tensor_done(&t);
    assert_int_equal(ifm_npy_parse(f.bytes, f.len, "input", 11, &t, &err), IFM_ERR_TOO_LARGE);
    assert_non_null(strstr(err.text, "11 bytes"));
}

static void random_mutations_never_crash(void **state)
{
    (void)state;
    struct ifm_rng rng;
    struct file f;
    ifm_rng_init(&rng, 55);
    static const char alphabet[] = "{}()[],:'\"<>|fFiuTLV0123456789 \n\\\0\x93";
    int accepted = 0;
    for (int round = 0; round < 20000; round++) {
        build(&f, HEAD "(2, 3), }", 24);
        for (uint64_t edits = ifm_rng_below(&rng, 5); edits > 0; edits--) {
            size_t at = (size_t)ifm_rng_below(&rng, ifm_rng_below(&rng, 3) ? 80 : f.len);
            f.bytes[at] = ifm_rng_below(&rng, 2)
                              ? (uint8_t)ifm_rng_next(&rng)
                              : (uint8_t)alphabet[ifm_rng_below(&rng, sizeof alphabet - 1)];
        }
        if (ifm_rng_below(&rng, 6) == 0)
            f.len = (size_t)ifm_rng_below(&rng, f.len + 1);
        struct ifm_tensor t;
        struct ifm_err err = IFM_ERR_INIT;
        int rc = parse(&f, &t, &err);
        assert_true(rc == 0 || (err.text[0] && t.data == NULL));
        accepted += rc == 0;
        ifm_tensor_done(&t);
    }
    assert_true(accepted > 0 && accepted < 20000);
}

/* -- Files ------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/ifm_npy_XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void every_type_is_written_and_read_back(void **state)
{
    (void)state;
    static const int64_t dims[] = { 3, 1, 7 };
    for (int i = IFM_DTYPE_NONE + 1; i < IFM_DTYPE_COUNT; i++)
        for (int32_t rank = 0; rank <= 3; rank++) {
            struct ifm_tensor t, back;
            struct ifm_err err = IFM_ERR_INIT;
            assert_int_equal(ifm_tensor_new(&t, "x", (enum ifm_dtype)i, dims, rank, LIMIT, &err),
                             0);
            ifm_tensor_seed(&t, 3, 0, 100);
            const char *path = in_folder("a.npy");
            assert_int_equal(ifm_npy_write(path, &t, &err), 0);
            struct stat info;
            assert_int_equal(stat(path, &info), 0);
            assert_int_equal(((size_t)info.st_size - t.bytes) % 64, 0);
            assert_int_equal(ifm_npy_read(path, "y", LIMIT, &back, &err), 0);
            assert_int_equal(back.dtype, t.dtype);
            assert_int_equal(back.rank, rank);
            assert_int_equal(back.bytes, t.bytes);
            assert_memory_equal(back.dims, t.dims, sizeof t.dims);
            assert_memory_equal(back.data, t.data, t.bytes);
            assert_string_equal(back.name, "y");
            ifm_tensor_done(&t);
            ifm_tensor_done(&back);
            unlink(path);
        }
}

static void errors_name_the_file(void **state)
{
    (void)state;
    struct ifm_tensor t;
    struct ifm_err err = IFM_ERR_INIT;
    const char *path = in_folder("missing.npy");
    assert_int_equal(ifm_npy_read(path, "x", LIMIT, &t, &err), IFM_ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(ifm_npy_read(folder, "x", LIMIT, &t, &err), IFM_ERR_INVALID);
    assert_non_null(strstr(err.text, folder));
    assert_non_null(strstr(err.text, "regular file"));

    path = in_folder("pipe.npy"); /* nobody writes: opening it must not wait */
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(ifm_npy_read(path, "x", LIMIT, &t, &err), IFM_ERR_INVALID);
    unlink(path);

    path = in_folder("short.npy");
    struct file f;
    build(&f, HEAD "(2, 3), }", 20);
    FILE *stream = fopen(path, "wb");
    assert_non_null(stream);
    assert_int_equal(fwrite(f.bytes, 1, f.len, stream), f.len);
    fclose(stream);
    assert_int_equal(ifm_npy_read(path, "x", LIMIT, &t, &err), IFM_ERR_INVALID);
    assert_true(strncmp(err.text, path, strlen(path)) == 0);
    assert_non_null(strstr(err.text, "20 of the 24 bytes"));
    assert_null(t.data);
    unlink(path);

    struct ifm_tensor nothing = { .rank = 1, .dims = { 3 }, .dtype = IFM_DTYPE_F32 };
    assert_int_equal(ifm_npy_write(path, &nothing, &err), IFM_ERR_INVALID);
    assert_non_null(strstr(err.text, path));
}

static int make_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numpy_files_are_read),
        cmocka_unit_test(version_2_headers_are_read),
        cmocka_unit_test(unusable_files_get_one_clear_sentence),
        cmocka_unit_test(marks_and_versions_are_checked),
        cmocka_unit_test(random_mutations_never_crash),
        cmocka_unit_test(every_type_is_written_and_read_back),
        cmocka_unit_test(errors_name_the_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
