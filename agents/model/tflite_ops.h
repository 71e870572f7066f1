/* Names of TFLite's builtin operators.
 *
 * Threading: pure. Ownership: constant text. */
#ifndef IFM_TFLITE_OPS_H
#define IFM_TFLITE_OPS_H

#include <stdint.h>

const char *ifm_tflite_op(int64_t code); /* NULL: newer than this table */

#endif
