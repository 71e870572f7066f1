/* Whether this process runs under something that emulates its processor (QEMU's user mode, Valgrind, box64):
 * what is timed then says nothing of any machine. An emulator shows the process its own program as
 * /proc/self/exe, and the kernel knows better: the link of the thread names the emulator. A machine that is
 * emulated as a whole, kernel and all, is not seen here; that is for the facts of the device.
 *
 * Threading: any. Ownership: the caller's buffer. Errors: none; what cannot be read says nothing. */
#ifndef IFM_EMULATOR_H
#define IFM_EMULATOR_H

#include <stdbool.h>
#include <stddef.h>

#define IFM_EMULATOR_NAME 64

/* Writes its name ("qemu-aarch64-static") and returns true; false and "": none is seen. The variable
 * INFEROMETER_EMULATOR names one that hides. */
bool ifm_emulator_find(char *name, size_t size);
/* The parts, for tests. exe: what /proc/self/exe and the thread's link say, NULL where unreadable; cpuinfo: the
 * text of /proc/cpuinfo or NULL; machine: as uname says. */
bool ifm_emulator_of_links(const char *self, const char *thread, char *name, size_t size);
bool ifm_emulator_of_processor(const char *machine, const char *cpuinfo, char *name, size_t size);

#endif
