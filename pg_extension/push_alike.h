// Keys that the hub takes for equal and a device for two.
#pragma once

#include "pg_extension/push_body.h"

namespace tidemark::pg {

// A key may be equal to one that is there and yet be another text, 1.50 for 1.5:
// on the device they are two rows. Such a change is refused.
void refuse_alike_keys(PushBody& body);

}  // namespace tidemark::pg
