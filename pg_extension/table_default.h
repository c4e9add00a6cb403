// What a column's default is to a device.
#pragma once

#include <string>

#include "pg_extension/column.h"

namespace tidemark::pg {

// The members that the column's default adds to its description:
// `"default":"0.00"`, `"default":{"now":true}`, `"generated_default":true`, or nothing.
std::string describe_default(Oid relation, const Column& column);

}  // namespace tidemark::pg
