// PostgreSQL as the bridge uses it: a fixed number of connections, each owned by
// a thread that runs jobs from one bounded queue. A connection that is lost is
// made again for the next job; nothing is repeated behind the caller's back.
#pragma once

#include <libpq-fe.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/error.h"

namespace tidemark::bridge {

class Metrics;

// What PostgreSQL (or, with class 08, libpq) says went wrong, unchanged.
class SqlError : public Error {
 public:
  SqlError(std::string sqlstate, const std::string& message, std::string hint = {})
      : Error(ErrorCode::kInternal, message, std::move(hint)), sqlstate_(std::move(sqlstate)) {}

  const std::string& sqlstate() const { return sqlstate_; }

 private:
  std::string sqlstate_;
};

// Throws Error{kInvalidInput} if `dsn` is not a connection string of libpq's.
void check_dsn(const std::string& dsn);

// A query of one value with text parameters, prepared once per connection.
struct Statement {
  const char* name;
  const char* sql;
};

struct DatabaseOptions {
  std::string dsn;
  std::size_t connections = 8;
  std::size_t queue = 512;                   // jobs that may wait
  std::chrono::milliseconds timeout{60000};  // of one statement
};

// What the connections of a pool know of each other.
struct PoolState {
  enum class Reach { kUnknown, kUp, kDown };
  std::atomic<bool> abandoned = false;         // give up what runs
  std::atomic<Reach> reach = Reach::kUnknown;  // so that one of them logs a change, not all
};

// One connection, used by one thread. Connects when it is first needed.
class Connection {
 public:
  Connection(const DatabaseOptions& options, PoolState& state);

  // Runs `statement` as a transaction of its own and gives the value of its one
  // row. A null pointer is NULL. Throws SqlError, also if the value is NULL.
  std::string value(const Statement& statement, std::initializer_list<const char*> arguments);

  // The same for a statement whose result does not matter.
  void run(const Statement& statement, std::initializer_list<const char*> arguments);

  // Makes the connection, or makes it again if it was lost. Throws SqlError
  // 08001 at once while a failed attempt is too recent to try again.
  void connect();

  // True on a server in recovery: it takes no writes. The server tells changes by itself.
  bool is_standby() const;

 private:
  using Result = std::unique_ptr<PGresult, void (*)(PGresult*)>;
  using Clock = std::chrono::steady_clock;

  Result execute(const Statement& statement, std::initializer_list<const char*> arguments);
  void prepare(const Statement& statement);
  Result finish(Clock::time_point deadline);
  void wait(short events, Clock::time_point deadline);
  void set_up();
  bool is_alive();
  [[noreturn]] void fail(const PGresult* result);
  [[noreturn]] void lost(const std::string& message);

  const DatabaseOptions& options_;
  PoolState& state_;
  std::unique_ptr<PGconn, void (*)(PGconn*)> handle_;
  std::set<const char*> prepared_;
  Clock::time_point next_attempt_{};
  std::chrono::milliseconds back_off_{};
};

class Pool {
 public:
  using Job = std::function<void(Connection&)>;

  // Starts the threads, which try to connect at once; that it fails is only logged.
  Pool(DatabaseOptions options, Metrics& metrics);
  ~Pool();

  // False if the queue is full. A job must not throw.
  bool submit(Job job);

  // Runs what is queued, then ends the threads. With `abandon`, statements that
  // run are given up (they throw SqlError 57P01).
  void stop(bool abandon);

 private:
  void work();
  Job next_job();

  const DatabaseOptions options_;
  Metrics& metrics_;
  PoolState state_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace tidemark::bridge
