#include "tests/lib/testlib.h"

#include <string.h>

#include "core/mem.h"

static void fresh_memory_is_zero_also_behind_hooks(void **state)
{
    (void)state;
    for (int hooked = 0; hooked < 2; hooked++) {
        if (hooked)
            t_alloc_start(); /* its allocator fills with 0xA5 */
        unsigned char *bytes = ifm_alloc(64), *array = ifm_alloc_array(8, 8);
        for (size_t i = 0; i < 64; i++)
            assert_int_equal(bytes[i] | array[i], 0);
        ifm_free(bytes);
        ifm_free(array);
    }
    assert_int_equal(t_alloc_outstanding(), 0);
    t_alloc_stop();
}

static void nothing_is_still_a_pointer_of_its_own(void **state)
{
    (void)state;
    void *a = ifm_alloc(0), *b = ifm_alloc(0), *c = ifm_resize(NULL, 0);
    assert_non_null(a);
    assert_non_null(b);
    assert_non_null(c);
    assert_ptr_not_equal(a, b);
    ifm_free(a);
    ifm_free(b);
    ifm_free(c);
    ifm_free(NULL);
}

static void impossible_sizes_give_null(void **state)
{
    (void)state;
    assert_null(ifm_alloc(SIZE_MAX));
    assert_null(ifm_alloc_array(SIZE_MAX / 2, 3));
    assert_null(ifm_resize_array(NULL, SIZE_MAX / 2, 3));
    assert_null(ifm_resize(NULL, (size_t)PTRDIFF_MAX + 1));
    assert_null(ifm_dup_bytes("", SIZE_MAX));
}

static void copies_end_in_a_nul(void **state)
{
    (void)state;
    char *text = ifm_dup("abc"), *bytes = ifm_dup_bytes("x\0y", 3), *none = ifm_dup_bytes(NULL, 0);
    assert_string_equal(text, "abc");
    assert_memory_equal(bytes, "x\0y", 4);
    assert_string_equal(none, "");
    assert_null(ifm_dup(NULL));
    ifm_free(text);
    ifm_free(bytes);
    ifm_free(none);
}

static void the_nth_allocation_fails_once(void **state)
{
    (void)state;
    t_alloc_start();
    t_alloc_fail_at(2);
    void *a = ifm_alloc(1), *b = ifm_alloc(1), *c = ifm_alloc(1);
    assert_non_null(a);
    assert_null(b);
    assert_non_null(c);
    assert_int_equal(t_alloc_count(), 3);
    assert_int_equal(t_alloc_outstanding(), 2);
    void *bigger = ifm_resize(a, 100);
    assert_non_null(bigger);
    assert_int_equal(t_alloc_outstanding(), 2);
    ifm_free(bigger);
    ifm_free(c);
    assert_int_equal(t_alloc_outstanding(), 0);
    t_alloc_stop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fresh_memory_is_zero_also_behind_hooks),
        cmocka_unit_test(nothing_is_still_a_pointer_of_its_own),
        cmocka_unit_test(impossible_sizes_give_null),
        cmocka_unit_test(copies_end_in_a_nul),
        cmocka_unit_test(the_nth_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
