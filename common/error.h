// The one exception type of the project. Throw it for what ends the statement;
// return a value for an outcome the caller is expected to handle. Each border
// turns the code into its own: SQLSTATE, SQLite result code, HTTP status.
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace tidemark {

enum class ErrorCode {
  kInvalidInput,    // the caller sent something malformed
  kNotTracked,      // the table is not under change tracking
  kNotFound,        // a table, user, device or conflict of that name does not exist
  kAlreadyExists,   // the name is taken
  kUnsupported,     // a table shape or type that cannot be synced
  kSchemaMismatch,  // the two sides disagree about a table's columns
  kWrongState,      // not connected, inside a transaction, already connected …
  kUnauthorized,    // wrong secret, unknown or revoked token
  kForbidden,       // no right
  kBehind,          // the device has not read changes that overlap with its push
  kForked,          // this device's identity is used by another copy of the file
  kAhead,           // the cursor is beyond the hub's head: the hub was restored
  kTooLarge,        // over a limit
  kUnreachable,     // no connection could be made: nothing was delivered
  kUnavailable,     // network down, hub down, or it asks to retry later
  kProtocol,        // the other side answered something that is not the protocol
  kInternal,        // a broken invariant: a bug of ours
};

class Error : public std::runtime_error {
 public:
  // `message` says what is wrong, in one line, without a full stop.
  // `hint` says what to do about it, in full sentences; empty if we cannot know.
  Error(ErrorCode code, const std::string& message, std::string hint = {})
      : std::runtime_error(message), code_(code), hint_(std::move(hint)) {}

  ErrorCode code() const { return code_; }
  const std::string& hint() const { return hint_; }

 private:
  ErrorCode code_;
  std::string hint_;
};

}  // namespace tidemark
