// What tidemark.rejects lists: the refused changes of a device, until it sends
// their rows again.
#pragma once

#include <string>

#include "pg_extension/push_body.h"
#include "pg_extension/spi.h"

namespace tidemark::pg {

// Keeps what was refused of this push, in place of what was refused of its rows before.
void note_rejects(Spi& spi, const PushBody& body, const std::string& device);

}  // namespace tidemark::pg
