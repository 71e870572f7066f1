/* The generator against the published vectors, and the shape of what is drawn from it. */
#include "near.h"

#include "core/rng.h"

static void generator_gives_the_published_sequence(void **state)
{
    (void)state;
    struct ifm_rng rng = { { 1, 2, 3, 4 } };
    static const uint64_t expected[] = { 11520u,
                                         0u,
                                         1509978240u,
                                         1215971899390074240u,
                                         1216172134540287360u,
                                         607988272756665600u,
                                         16172922978634559625u,
                                         8476171486693032832u,
                                         10595114339597558777u,
                                         2904607092377533576u };
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_true(ifm_rng_next(&rng) == expected[i]);
    ifm_rng_init(&rng, 1234567); /* splitmix64's own vector is the state */
    assert_true(rng.s[0] == 6457827717110365317u && rng.s[1] == 3203168211198807973u);
    assert_true(rng.s[2] == 9817491932198370423u && rng.s[3] == 4593380528125082431u);
}

static void seed_zero_is_as_good_as_any(void **state)
{
    (void)state;
    struct ifm_rng rng;
    ifm_rng_init(&rng, 0);
    assert_true(rng.s[0] && rng.s[1] && rng.s[2] && rng.s[3]);
}

static void below_is_uniform_and_within_bounds(void **state)
{
    (void)state;
    enum { DRAWS = 60000 };
    struct ifm_rng rng;
    int counts[6] = { 0 };
    ifm_rng_init(&rng, 3);
    for (int i = 0; i < DRAWS; i++)
        counts[ifm_rng_below(&rng, 6)]++;
    double chi2 = 0;
    for (int i = 0; i < 6; i++)
        chi2 += pow(counts[i] - DRAWS / 6.0, 2) / (DRAWS / 6.0);
    assert_true(chi2 < 20.5); /* 5 degrees of freedom, p = .001 */
    for (int i = 0; i < 1000; i++) {
        assert_true(ifm_rng_below(&rng, 1) == 0);
        uint64_t bound = (UINT64_MAX >> 1) + 2; /* half of all draws are rejected */
        assert_true(ifm_rng_below(&rng, bound) < bound);
    }
}

static void unit_and_normal_have_their_moments(void **state)
{
    (void)state;
    enum { DRAWS = 200000 };
    struct ifm_rng rng;
    ifm_rng_init(&rng, 4);
    double sum = 0, normal_sum = 0, normal_squares = 0;
    for (int i = 0; i < DRAWS; i++) {
        double unit = ifm_rng_unit(&rng), normal = ifm_rng_normal(&rng);
        assert_true(unit >= 0 && unit < 1);
        sum += unit;
        normal_sum += normal;
        normal_squares += normal * normal;
    }
    /* four standard errors */
    assert_near(sum / DRAWS, 0.5, 4 * sqrt(1.0 / 12 / DRAWS));
    assert_near(normal_sum / DRAWS, 0, 4 / sqrt(DRAWS));
    assert_near(normal_squares / DRAWS, 1, 4 * sqrt(2.0 / DRAWS));
}

static void shuffle_is_a_fair_permutation(void **state)
{
    (void)state;
    enum { ROUNDS = 24000 };
    struct ifm_rng rng;
    int counts[256] = { 0 };
    ifm_rng_init(&rng, 5);
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t items[4] = { 0, 1, 2, 3 }, seen = 0;
        ifm_rng_shuffle(&rng, items, 4);
        for (int j = 0; j < 4; j++)
            seen |= 1u << items[j];
        assert_int_equal(seen, 15);
        counts[items[0] << 6 | items[1] << 4 | items[2] << 2 | items[3]]++;
    }
    double chi2 = 0;
    int kinds = 0;
    for (int i = 0; i < 256; i++)
        if (counts[i]) {
            kinds++;
            chi2 += pow(counts[i] - ROUNDS / 24.0, 2) / (ROUNDS / 24.0);
        }
    assert_int_equal(kinds, 24);
    assert_true(chi2 < 49.7); /* 23 degrees of freedom, p = .001 */
    uint32_t one = 9;
    ifm_rng_shuffle(&rng, &one, 1);
    ifm_rng_shuffle(&rng, NULL, 0);
    assert_int_equal(one, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(generator_gives_the_published_sequence),
        cmocka_unit_test(seed_zero_is_as_good_as_any),
        cmocka_unit_test(below_is_uniform_and_within_bounds),
        cmocka_unit_test(unit_and_normal_have_their_moments),
        cmocka_unit_test(shuffle_is_a_fair_permutation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
