/* Which format some bytes are of, by content alone: one predicate a format, each beside its reader. Cheap: they
 * look at headers, never at weights. They may say yes to a broken file; then its reader tells what is broken.
 *
 * Threading: pure functions. Ownership: the bytes are the caller's. */
#ifndef IFM_RECOGNISE_H
#define IFM_RECOGNISE_H

#include <stdbool.h>
#include <stddef.h>

bool ifm_is_onnx(const unsigned char *bytes, size_t len);
bool ifm_is_coreml(const unsigned char *bytes, size_t len);
bool ifm_is_savedmodel(const unsigned char *bytes, size_t len);
bool ifm_is_safetensors(const unsigned char *bytes, size_t len);
bool ifm_is_tflite(const unsigned char *bytes, size_t len);
bool ifm_is_ort(const unsigned char *bytes, size_t len);
bool ifm_is_executorch(const unsigned char *bytes, size_t len);
bool ifm_is_torchscript(const unsigned char *bytes, size_t len); /* also a state_dict: its reader says so */
bool ifm_is_pt2(const unsigned char *bytes, size_t len);
bool ifm_is_openvino(const unsigned char *bytes, size_t len);
bool ifm_is_tensorrt(const unsigned char *bytes, size_t len);

#endif
