/* Brings a database to the schema version that this program knows. Migrations are the embedded files of
 * schema/sql, each applied in one transaction together with the new version number, so that a crash leaves
 * a whole version. Internal to the store.
 *
 * Threading: the thread that opens the store. Errors: IFM_ERR_CONFIG for a database of a newer version or
 * of another program, with what to do. */
#ifndef IFM_STORE_MIGRATE_H
#define IFM_STORE_MIGRATE_H

#include <stddef.h>
#include "core/err.h"

struct ifm_db;
struct ifm_migration { int version; const char *name; const char *sql; };
extern const struct ifm_migration ifm_migrations[]; /* generated, ascending */
extern const size_t ifm_migration_count;

int ifm_migrate(struct ifm_db *db, struct ifm_err *err);

#endif
