// The bridge's border for errors: whatever went wrong becomes an answer with an
// RFC 9457 body and the status that docs/protocol.md gives it.
#pragma once

#include <string>
#include <string_view>

#include "bridge/database.h"
#include "bridge/http.h"
#include "common/error.h"

namespace tidemark::bridge {

// `code` is one of docs/protocol.md, `detail` says what is wrong in one line,
// `hint` what to do about it (empty: left out).
Reply problem(unsigned status, const char* code, std::string_view detail, std::string_view hint = {});

Reply problem_of(const Error& error);

// By the SQLSTATE: the hub's own TM… codes, what passes by itself (503), what
// the operator must mend (500).
Reply problem_of(const SqlError& error);

// 503 with Retry-After.
Reply unavailable(std::string_view detail, int retry_after_s);

// "Not Found" for 404; the phrase of the status line and the problem's title.
const char* reason_of(unsigned status);

}  // namespace tidemark::bridge
