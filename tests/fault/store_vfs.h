/* A SQLite VFS that passes everything through and can fail on purpose. Two uses:
 *   power cut: it remembers, per file, what was written since the file's last xSync; vfs_power_cut gives every
 *              file the content that a disk may have after the power failed: what was synced, and of the rest
 *              nothing, or any part of it in any order.
 *   faults:    the n-th operation of a kind fails with a given code, once or from then on.
 *
 * Threading: safe (one lock). Ownership: the names and contents it remembers are its own, freed by vfs_forget. */
#ifndef IFM_TEST_STORE_VFS_H
#define IFM_TEST_STORE_VFS_H

#include <stdbool.h>
#include <stdint.h>

#define VFS_NAME "ifm-fault"

enum vfs_kind {
    VFS_READ = 1, VFS_WRITE = 2, VFS_SYNC = 4, VFS_TRUNCATE = 8, VFS_OPEN = 16, VFS_DELETE = 32, VFS_SHM = 64,
    VFS_SIZE = 128, VFS_LOCK = 256
};

void vfs_register(void); /* once, after ifm_db_setup */

/* From now on, the nth operation (1-based) among `kinds` gives `code`; with `on`, all later ones too. 0: none. */
void vfs_fail(unsigned kinds, int nth, int code, bool on);
int vfs_seen(void);      /* operations of those kinds since vfs_fail */
void vfs_skip_sync(bool skip); /* xSync returns at once, for tests that are not about it */

/* Begins to remember; files that are there already count as synced. */
void vfs_remember(void);
/* The device is gone: every write, sync, truncate and delete fails from now on and changes nothing. */
void vfs_power_off(void);
/* After the store was closed: writes what survived. seed 0: nothing unsynced did; else a random part. Power is
 * on again, and remembering is over. Returns how many unsynced writes there were. */
int vfs_power_cut(uint64_t seed);

#endif
