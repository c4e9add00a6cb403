// The module's entry, and the functions that are too small for a file.
#include "common/json_text.h"
#include "common/uuid.h"
#include "pg_extension/column.h"
#include "pg_extension/encode.h"
#include "pg_extension/guard.h"
#include "pg_extension/layout.h"
#include "pg_extension/transaction.h"

extern "C" {
PG_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);
void _PG_init(void) {
  tidemark::pg::watch_layouts();
  tidemark::pg::watch_transactions();
}
}

namespace tidemark::pg {

TIDEMARK_SQL_FUNCTION(tidemark_version) { return text_datum(TIDEMARK_VERSION); }

TIDEMARK_SQL_FUNCTION(tidemark_uuid) {
  UuidBytes entropy{};
  if (!pg_strong_random(entropy.data(), entropy.size())) {
    throw Error(ErrorCode::kInternal, "no random numbers to be had");
  }
  const UuidBytes uuid = uuid_v7(static_cast<std::uint64_t>(now_ms()), entropy);
  auto* const result = call([] { return static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t))); });
  std::copy(uuid.begin(), uuid.end(), result->data);
  return UUIDPGetDatum(result);
}

TIDEMARK_SQL_FUNCTION(tidemark_kind) {
  const Oid type = PG_GETARG_OID(0);
  const auto kind = call([&] { return kind_of(type); });
  if (!kind) {
    fcinfo->isnull = true;
    return 0;
  }
  return text_datum(std::string(name_of(*kind)));
}

TIDEMARK_SQL_FUNCTION(tidemark_caller_owns) {
  const Oid relation = PG_GETARG_OID(0);
  return BoolGetDatum(call([&] { return pg_class_ownercheck(relation, GetOuterUserId()); }));
}

}  // namespace tidemark::pg
