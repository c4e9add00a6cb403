// Tries something that the server may refuse, and takes it back if it does.
#pragma once

#include <optional>
#include <string>

#include "pg_extension/guard.h"
#include "pg_extension/pg.h"

namespace tidemark::pg {

// A server error that was caught.
struct Report {
  int sqlstate = 0;
  std::string message;
  std::string hint;
  std::string column;
};

// "23505"
std::string sqlstate_text(int sqlstate);

// True for what is wrong with the data, the right to write it or what a trigger makes
// of it, so that the same attempt would fail again; false for what passes by itself
// or by the operator's hand (deadlock, lock time-out, disk full, shutdown).
bool is_refusal(int sqlstate);

// Whoever opens one ends it on every way out: a PL/pgSQL block around us takes
// the innermost subtransaction for its own.
class Subtransaction {
 public:
  Subtransaction();
  Subtransaction(const Subtransaction&) = delete;
  Subtransaction& operator=(const Subtransaction&) = delete;

  // Keeps what was done.
  void release();

  // Takes back everything since the constructor though the server is fine.
  void abandon();

  // Takes back everything since the constructor, and ends the server's error in
  // flight; unless that is none to end here: then it goes on, unchanged.
  Report roll_back(bool (*ends_here)(int sqlstate) = is_refusal);

 private:
  MemoryContext context_ = CurrentMemoryContext;
  ResourceOwner owner_ = CurrentResourceOwner;
};

// Runs `body` in a subtransaction. nullopt: done. A report: refused, and taken
// back. Any other failure is taken back too, and passes through.
template <class Body>
std::optional<Report> attempt(Body&& body) {
  Subtransaction inner;
  try {
    std::forward<Body>(body)();
  } catch (const ServerError&) {
    return inner.roll_back();
  } catch (...) {
    inner.abandon();
    throw;
  }
  inner.release();
  return std::nullopt;
}

// Runs `body` in a subtransaction and keeps what it did if it gives true. False,
// and taken back: it gave false or was refused. Any other failure passes through.
template <class Body>
bool tried(Body&& body) {
  Subtransaction inner;
  bool keeps = false;
  try {
    keeps = std::forward<Body>(body)();
  } catch (const ServerError&) {
    inner.roll_back();
    return false;
  } catch (...) {
    inner.abandon();
    throw;
  }
  keeps ? inner.release() : inner.abandon();
  return keeps;
}

}  // namespace tidemark::pg
