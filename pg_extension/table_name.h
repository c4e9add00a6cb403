// Names of relations for SQL text.
#pragma once

#include <string>

#include "pg_extension/guard.h"
#include "pg_extension/pg.h"

namespace tidemark::pg {

// "schema"."table", quoted where needed.
inline std::string qualified_name(Oid relation) {
  return call([&] {
    return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relation)), get_rel_name(relation));
  });
}

}  // namespace tidemark::pg
