/* What the numeric unit tests share: cmocka's includes in their order, and a comparison of doubles
 * that says what it saw. */
#ifndef IFM_TEST_NEAR_H
#define IFM_TEST_NEAR_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* |actual - expected| <= tolerance, an absolute one; NAN never passes. */
#define assert_near(actual, expected, tolerance)                                                   \
    near_check((double)(actual), (double)(expected), (double)(tolerance), #actual, __FILE__,       \
               __LINE__)
/* the same, as a share of the expected value */
#define assert_near_relative(actual, expected, share)                                              \
    assert_near(actual, expected, fabs((double)(expected)) * (share))

static inline void near_check(double actual, double expected, double tolerance, const char *what,
                              const char *file, int line)
{
    if (fabs(actual - expected) <= tolerance)
        return;
    print_error("%s is %.17g, expected %.17g within %.3g\n", what, actual, expected, tolerance);
    _fail(file, line);
}

#endif
