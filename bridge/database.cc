#include "bridge/database.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "bridge/log.h"
#include "bridge/metrics.h"

namespace tidemark::bridge {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kFirstBackOff{100};
constexpr milliseconds kLongestBackOff{3000};
constexpr milliseconds kLookAround{200};     // how often a wait looks whether it was abandoned
constexpr milliseconds kTimeoutGrace{5000};  // for the server to enforce its own time-out first

constexpr char kConnectionFailure[] = "08001";
constexpr char kConnectionLost[] = "08006";
constexpr char kNoSuchPreparedStatement[] = "26000";

// libpq's messages end with a line break and may have several lines.
std::string one_line(const char* text) {
  std::string line = text ? text : "";
  while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) line.pop_back();
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

std::string field_of(const PGresult* result, int field) {
  const char* const text = PQresultErrorField(result, field);
  return text ? text : "";
}

void log_notice(void*, const char* message) { log(LogLevel::kDebug, "notice", {{"message", one_line(message)}}); }

PGconn* open(const std::string& dsn) {
  // What stands before dbname are defaults that the DSN may change, what stands after it is ours.
  const char* const names[] = {"connect_timeout",  "keepalives_idle",  "keepalives_interval",
                               "keepalives_count", "tcp_user_timeout", "fallback_application_name",
                               "dbname",           "client_encoding",  nullptr};
  const char* const values[] = {"5", "30", "10", "3", "30000", "tidemark", dsn.c_str(), "UTF8", nullptr};
  constexpr int kExpandDbname = 1;
  return PQconnectdbParams(names, values, kExpandDbname);
}

}  // namespace

void check_dsn(const std::string& dsn) {
  char* message = nullptr;
  PQconninfoOption* const options = PQconninfoParse(dsn.c_str(), &message);
  if (options) {
    PQconninfoFree(options);
    return;
  }
  const std::string why = one_line(message);
  PQfreemem(message);
  const bool may_hold_secret = dsn.find("password") != std::string::npos || dsn.find('@') != std::string::npos;
  throw Error(
      ErrorCode::kInvalidInput,
      "--postgres is not a connection string: " + (may_hold_secret ? "(not shown, since it may hold a password)" : why),
      "Write \"host=db.example dbname=shop user=bridge\" or postgresql://bridge@db.example/shop.");
}

Connection::Connection(const DatabaseOptions& options, PoolState& state)
    : options_(options), state_(state), handle_(nullptr, PQfinish) {}

std::string Connection::value(const Statement& statement, std::initializer_list<const char*> arguments) {
  const Result result = execute(statement, arguments);
  if (PQntuples(result.get()) != 1 || PQgetisnull(result.get(), 0, 0)) {
    throw SqlError("XX000", std::string("the hub answered nothing to: ") + statement.sql);
  }
  return {PQgetvalue(result.get(), 0, 0), static_cast<std::size_t>(PQgetlength(result.get(), 0, 0))};
}

void Connection::run(const Statement& statement, std::initializer_list<const char*> arguments) {
  execute(statement, arguments);
}

void Connection::connect() {
  if (handle_ && is_alive()) return;
  if (Clock::now() < next_attempt_) throw SqlError(kConnectionFailure, "the hub's database cannot be reached");

  prepared_.clear();
  if (handle_)
    PQreset(handle_.get());
  else
    handle_.reset(open(options_.dsn));
  if (!handle_) throw std::bad_alloc();
  if (PQstatus(handle_.get()) != CONNECTION_OK) {
    back_off_ = std::clamp(back_off_ * 2, kFirstBackOff, kLongestBackOff);
    next_attempt_ = Clock::now() + back_off_;
    const bool is_news = state_.reach.exchange(PoolState::Reach::kDown) != PoolState::Reach::kDown;
    log(is_news ? LogLevel::kWarning : LogLevel::kDebug, "database_down",
        {{"message", one_line(PQerrorMessage(handle_.get()))}});
    throw SqlError(kConnectionFailure, "the hub's database cannot be reached");
  }
  set_up();
  back_off_ = {};
  const bool is_news = state_.reach.exchange(PoolState::Reach::kUp) != PoolState::Reach::kUp;
  log(is_news ? LogLevel::kInfo : LogLevel::kDebug, "database_connected", {{"standby", is_standby() ? "yes" : "no"}});
}

// Reads what came while the connection was idle: a server that ended has left its
// farewell and an end of file in the socket.
bool Connection::is_alive() {
  pollfd socket{PQsocket(handle_.get()), POLLIN, 0};
  while (PQstatus(handle_.get()) == CONNECTION_OK && poll(&socket, 1, 0) > 0) {
    if (!PQconsumeInput(handle_.get())) return false;
    PQisBusy(handle_.get());  // takes notices and settings out of the buffer
  }
  return PQstatus(handle_.get()) == CONNECTION_OK;
}

bool Connection::is_standby() const {
  const char* const setting = PQparameterStatus(handle_.get(), "in_hot_standby");
  return setting && std::string_view(setting) == "on";
}

void Connection::set_up() {
  PQsetNoticeProcessor(handle_.get(), log_notice, nullptr);
  PQsetnonblocking(handle_.get(), 1);
  // A plan of its own for each call would have a copy of the whole push in it.
  const std::string settings = "set statement_timeout = " + std::to_string(options_.timeout.count()) +
                               "; set plan_cache_mode = force_generic_plan";
  if (!PQsendQuery(handle_.get(), settings.c_str())) lost(one_line(PQerrorMessage(handle_.get())));
  finish(Clock::now() + options_.timeout + kTimeoutGrace);
}

Connection::Result Connection::execute(const Statement& statement, std::initializer_list<const char*> arguments) {
  connect();
  prepare(statement);
  if (!PQsendQueryPrepared(handle_.get(), statement.name, static_cast<int>(arguments.size()), arguments.begin(),
                           nullptr, nullptr, 0)) {
    lost(one_line(PQerrorMessage(handle_.get())));
  }
  return finish(Clock::now() + options_.timeout + kTimeoutGrace);
}

void Connection::prepare(const Statement& statement) {
  if (prepared_.contains(statement.name)) return;
  if (!PQsendPrepare(handle_.get(), statement.name, statement.sql, 0, nullptr)) {
    lost(one_line(PQerrorMessage(handle_.get())));
  }
  finish(Clock::now() + options_.timeout + kTimeoutGrace);
  prepared_.insert(statement.name);
}

// Sends what is buffered and reads the whole answer. The server's own time-out
// ends a long statement; the deadline is for a server that does not answer at all.
Connection::Result Connection::finish(Clock::time_point deadline) {
  for (int unsent = 1; unsent != 0;) {
    unsent = PQflush(handle_.get());
    if (unsent < 0) break;  // the server may have said why before it hung up
    if (unsent == 0) break;
    wait(POLLIN | POLLOUT, deadline);
    if (!PQconsumeInput(handle_.get())) break;
  }

  Result last(nullptr, PQclear);
  while (true) {
    while (PQisBusy(handle_.get())) {
      wait(POLLIN, deadline);
      if (!PQconsumeInput(handle_.get())) break;
    }
    Result result(PQgetResult(handle_.get()), PQclear);
    if (!result) break;
    last = std::move(result);
    if (PQstatus(handle_.get()) != CONNECTION_OK) break;
  }
  if (!last) lost(one_line(PQerrorMessage(handle_.get())));
  const ExecStatusType status = PQresultStatus(last.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(last.get());
  return last;
}

void Connection::wait(short events, Clock::time_point deadline) {
  pollfd socket{PQsocket(handle_.get()), events, 0};
  while (true) {
    if (state_.abandoned) {
      handle_.reset();
      throw SqlError("57P01", "the bridge is shutting down");
    }
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      handle_.reset();
      throw SqlError(kConnectionLost, "the hub's database does not answer");
    }
    const int ready = poll(&socket, 1, static_cast<int>(std::min(left, kLookAround).count()));
    if (ready > 0 || (ready < 0 && errno != EINTR)) return;
  }
}

void Connection::fail(const PGresult* result) {
  std::string sqlstate = field_of(result, PG_DIAG_SQLSTATE);
  std::string message = field_of(result, PG_DIAG_MESSAGE_PRIMARY);
  if (sqlstate.empty()) lost(one_line(PQresultErrorMessage(result)));
  if (sqlstate == kNoSuchPreparedStatement) {
    prepared_.clear();  // DISCARD ALL, or a pooler that switched servers; the next request prepares anew
    sqlstate = kConnectionLost;
  }
  throw SqlError(std::move(sqlstate), message, field_of(result, PG_DIAG_MESSAGE_HINT));
}

void Connection::lost(const std::string& message) {
  log(LogLevel::kWarning, "database_lost", {{"message", message}});
  throw SqlError(kConnectionLost, "the connection to the hub's database was lost");
}

Pool::Pool(DatabaseOptions options, Metrics& metrics) : options_(std::move(options)), metrics_(metrics) {
  metrics_.database_connections += static_cast<std::int64_t>(options_.connections);
  for (std::size_t i = 0; i < options_.connections; ++i) threads_.emplace_back([this] { work(); });
}

Pool::~Pool() { stop(true); }

bool Pool::submit(Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || jobs_.size() >= options_.queue) return false;
    jobs_.push_back(std::move(job));
  }
  ++metrics_.database_queue;
  wake_.notify_one();
  return true;
}

void Pool::stop(bool abandon) {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  if (abandon) state_.abandoned = true;
  wake_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Pool::work() {
  Connection connection(options_, state_);
  try {
    connection.connect();
  } catch (const SqlError&) {
    // Logged where it happened; the next job tries again.
  }
  while (const Job job = next_job()) {
    --metrics_.database_queue;
    ++metrics_.database_in_use;
    job(connection);
    --metrics_.database_in_use;
  }
}

// The next job in the order of arrival; an empty one when there will be none.
Pool::Job Pool::next_job() {
  std::unique_lock lock(mutex_);
  wake_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
  if (jobs_.empty()) return nullptr;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  return job;
}

}  // namespace tidemark::bridge
