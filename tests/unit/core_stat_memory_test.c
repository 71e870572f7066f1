/* Statistics without memory: each allocation fails in turn, and what needed it says that it has no
 * result (NAN, false, 0), with nothing leaked. */
#include "near.h"

#include "core/mem.h"
#include "core/summary.h"

static size_t made, living, fail_at;

static void *alloc(void *context, size_t bytes)
{
    (void)context;
    if (++made == fail_at)
        return NULL;
    living++;
    return calloc(1, bytes ? bytes : 1);
}

static void *resize(void *context, void *pointer, size_t bytes)
{
    (void)context;
    return realloc(pointer, bytes);
}

static void release(void *context, void *pointer)
{
    (void)context;
    living -= pointer != NULL;
    free(pointer);
}

static const double a[] = { 1, 2, 3, 4, 5, 6, 7, 8 },
                    b[] = { 1.5, 2.5, 3.5, 4.5, 5.5, 6.5, 7.5, 8.5 };

/* Each returns whether it has a result. */
static bool mann_whitney(void)
{
    return !isnan(ifm_stat_mwu_p2(a, 8, b, 8));
}
static bool signed_rank(void)
{
    return !isnan(ifm_stat_signed_rank_p(b, 8));
}
static bool gate_rank(void)
{
    return ifm_stat_signed_rank_k(8, 0.05) > 0;
}

static bool shift(void)
{
    struct ifm_stat_interval i;
    return ifm_stat_hl_shift(a, 8, b, 8, 0.05, &i) && i.bounded;
}

static bool paired(void)
{
    struct ifm_stat_interval i;
    return ifm_stat_hl_paired(b, 8, 0.05, &i) && i.bounded;
}

static bool kolmogorov_smirnov(void)
{
    double p;
    return !isnan(ifm_stat_ks(a, 8, b, 8, &p)) && !isnan(p);
}

static bool comparison(void)
{
    struct ifm_comparison_result r;
    ifm_summary_compare(a, 8, b, 8, 0.02, true, &r);
    assert_true(!isnan(r.low) || r.verdict == IFM_VERDICT_INCONCLUSIVE);
    return !isnan(r.ratio) && !isnan(r.low);
}

static void results_are_missing_but_nothing_breaks(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool (*run)(void);
    } rows[] = { { "mann_whitney", mann_whitney },
                 { "signed_rank", signed_rank },
                 { "gate_rank", gate_rank },
                 { "shift", shift },
                 { "paired", paired },
                 { "kolmogorov_smirnov", kolmogorov_smirnov },
                 { "comparison", comparison } };
    static const struct ifm_mem_hooks hooks = { alloc, resize, release, NULL };
    ifm_mem_set_hooks(&hooks);
    for (size_t i = 0; i < COUNT(rows); i++)
        for (fail_at = 1;; fail_at++) {
            made = living = 0;
            bool has_result = rows[i].run();
            bool failed = made >= fail_at;
            if (has_result == failed || living)
                print_error("%s, allocation %zu\n", rows[i].name, fail_at);
            assert_int_equal(has_result, !failed);
            assert_int_equal(living, 0);
            if (!failed) {
                assert_true(fail_at > 1); /* it does allocate: the test tests something */
                break;
            }
        }
    ifm_mem_set_hooks(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(results_are_missing_but_nothing_breaks) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
