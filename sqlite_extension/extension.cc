// The entry point that SQLite calls when it loads tidemark.so.
#include "sqlite_extension/functions.h"

extern "C" {
SQLITE_EXTENSION_INIT1

__attribute__((visibility("default"))) int sqlite3_tidemark_init(sqlite3* db, char** message,
                                                                 const sqlite3_api_routines* api) {
  SQLITE_EXTENSION_INIT2(api);
  if (sqlite3_libversion_number() < 3037000) {
    if (message) *message = sqlite3_mprintf("Tidemark needs SQLite 3.37 or newer, this is %s", sqlite3_libversion());
    return SQLITE_ERROR;
  }
  return tidemark::device::register_functions(db);
}
}
