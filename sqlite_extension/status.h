// tidemark_status(): how this database stands with its hub, as JSON.
#pragma once

#include <string>

#include "sqlite_extension/api.h"

namespace tidemark::device {

std::string status_json(sqlite3* db);

}  // namespace tidemark::device
