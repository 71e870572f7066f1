/* Facts of this device, from /proc, /sys and libc. Hard facts (processor, kernel, governor, limits
 * …) make the device key: two runs with different keys are not compared. Soft facts are only noted.
 * A source that is absent gives no fact; nothing is guessed. Hard is what stays from one boot to the next
 * unless somebody changes the machine: sizes are rounded where the kernel's own share varies, which processors
 * a job was given and what a thermal daemon allows at the moment are soft.
 *
 * Threading: reads files and affinity of the calling thread. Ownership: facts are the caller's,
 * freed with ifm_device_facts_done (or with the run that holds them). */
#ifndef IFM_DEVICE_H
#define IFM_DEVICE_H

#include "core/hash.h"
#include "core/msg.h"

/* root: "" for this machine, or the folder of a recorded tree (tests). */
int ifm_device_facts(const char *root, struct ifm_list *facts, struct ifm_err *err);
void ifm_device_facts_done(struct ifm_list *facts);
/* SHA-256 of the canonical JSON of the hard facts. */
int ifm_device_key(const struct ifm_list *facts, char key[IFM_SHA256_HEX], struct ifm_err *err);
/* Host name without its domain; "unknown" where there is none. */
void ifm_device_name(char *name, size_t size);

#endif
