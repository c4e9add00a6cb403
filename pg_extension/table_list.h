// The description of all tracked tables, as in `GET /v1/tables`.
#pragma once

#include <string>

#include "pg_extension/spi.h"

namespace tidemark::pg {

// The array "tables", parents before children.
std::string describe_tables(Spi& spi);

}  // namespace tidemark::pg
