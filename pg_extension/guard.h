// The border between C++ exceptions and PostgreSQL's ereport().
//
//   server -> C++   run_for_server(f)  wraps every function the server calls
//   C++ -> server   call(body)         wraps every server call that can fail
//
// Three rules keep it sound.
//   1. Locals declared inside `body` are trivially destructible: the jump passes
//      over them. Objects outside `body` are safe, call() returns to their frame.
//   2. Nobody catches ServerError except run_for_server and subtransaction.h.
//      After a server error the only legal move is out, unless a subtransaction
//      was opened and is rolled back.
//   3. Destructors of server resources do nothing while unwinding: the
//      transaction's abort releases them.
//
// A function that calls the server directly, and so must itself be called inside
// a body, says so: "Inside call()."
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "common/error.h"
#include "pg_extension/pg.h"

namespace tidemark::pg {

// Marks that the server has an error of its own in flight. Carries nothing: the
// report stays where ereport() built it, so SQLSTATE, detail and hint survive.
// Not a std::exception, so that no catch clause in common/ can swallow it.
class ServerError {};

// An Error with an SQLSTATE of its own, where ErrorCode is too coarse.
class SqlError : public Error {
 public:
  SqlError(int sqlstate, const std::string& message, std::string hint = {})
      : Error(ErrorCode::kInvalidInput, message, std::move(hint)), sqlstate_(sqlstate) {}

  int sqlstate() const { return sqlstate_; }

 private:
  int sqlstate_;
};

inline constexpr int kRevoked = MAKE_SQLSTATE('T', 'M', '4', '0', '2');

// Puts the server's error handlers back, whichever way the scope is left.
class HandlerScope {
 public:
  HandlerScope() : handlers_(PG_exception_stack), contexts_(error_context_stack) {}
  ~HandlerScope() {
    PG_exception_stack = handlers_;
    error_context_stack = contexts_;
  }
  HandlerScope(const HandlerScope&) = delete;
  HandlerScope& operator=(const HandlerScope&) = delete;

 private:
  sigjmp_buf* handlers_;
  ErrorContextCallback* contexts_;
};

// Runs `body` and turns a server error raised in it into ServerError.
template <class Body>
std::invoke_result_t<Body> call(Body&& body) {
  using Result = std::invoke_result_t<Body>;
  static_assert(std::is_void_v<Result> || std::is_trivially_destructible_v<Result>,
                "a server call may only hand back plain data");
  const MemoryContext caller_context = CurrentMemoryContext;
  {
    HandlerScope scope;
    sigjmp_buf landing;
    if (sigsetjmp(landing, 0) == 0) {
      PG_exception_stack = &landing;
      return std::forward<Body>(body)();
    }
  }
  MemoryContextSwitchTo(caller_context);
  throw ServerError();
}

// What is left of an exception once it is caught. Plain data in fixed buffers:
// copying it cannot fail, and a longjmp may pass over it.
struct Failure {
  bool happened = false;
  bool from_server = false;
  int sqlstate = ERRCODE_INTERNAL_ERROR;
  std::array<char, 1024> message{};
  std::array<char, 1024> hint{};
};

// The exception in flight, in plain data. Only called inside a catch block.
Failure current_failure();

// Only called with no C++ object alive above it: this is where the jump starts.
[[noreturn]] void raise(const Failure& failure);

using Function = Datum (*)(FunctionCallInfo);

// What a function that the server calls is made of: runs `function`, and raises
// what it throws as an ordinary server error.
Datum run_for_server(Function function, FunctionCallInfo fcinfo);

// The same for callbacks that take no fcinfo.
template <class Body>
void run_callback(Body&& body) {
  Failure failure;
  try {
    std::forward<Body>(body)();
    return;
  } catch (...) {
    failure = current_failure();
  }
  raise(failure);
}

// Results in memory that the server keeps.
Datum text_datum(const std::string& value);

// An argument of type text. A view lives as long as the call of the function.
std::string_view text_view_argument(FunctionCallInfo fcinfo, int number);
inline std::string text_argument(FunctionCallInfo fcinfo, int number) {
  return std::string(text_view_argument(fcinfo, number));
}

}  // namespace tidemark::pg

// Defines the SQL function `name` as plain C++: the body is that of
// `Datum f(FunctionCallInfo fcinfo)`.
#define TIDEMARK_SQL_FUNCTION(name)                                                                      \
  static Datum name##_body(FunctionCallInfo fcinfo);                                                     \
  extern "C" {                                                                                           \
  PG_FUNCTION_INFO_V1(name);                                                                             \
  PGDLLEXPORT Datum name(PG_FUNCTION_ARGS) { return tidemark::pg::run_for_server(name##_body, fcinfo); } \
  }                                                                                                      \
  static Datum name##_body([[maybe_unused]] FunctionCallInfo fcinfo)
