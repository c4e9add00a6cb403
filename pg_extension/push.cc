// tidemark.push: applies what a device changed, exactly once, unless it overlaps
// with what the device has not read.
#include <algorithm>

#include "common/json_text.h"
#include "pg_extension/encode.h"
#include "pg_extension/hub.h"
#include "pg_extension/push_apply.h"
#include "pg_extension/push_body.h"
#include "pg_extension/push_echo.h"
#include "pg_extension/push_overlap.h"
#include "pg_extension/push_rejects.h"
#include "pg_extension/transaction.h"

namespace tidemark::pg {
namespace {

struct Sender {
  std::string device;
  std::int64_t last_push = 0;
  std::string last_hash;
  std::optional<std::string> verdict;
};

// Locks the device's row, so that a device's pushes go one after the other.
Sender lock_sender(Spi& spi, const std::string& token) {
  spi.run(
      "select id, push, push_hash, verdict from tidemark._device "
      "where token_hash = sha256(convert_to($1, 'UTF8')) for update",
      {text_parameter(token)});
  if (spi.rows() == 0) throw Error(ErrorCode::kUnauthorized, "unknown token", "Connect the device again.");
  Sender sender{spi.text(0, 0).value_or(""), spi.integer(0, 1), spi.bytes(0, 2), spi.text(0, 3)};
  authenticate(spi, token, "write");
  return sender;
}

std::string answer(std::int64_t number, const std::string& verdict) {
  return R"({"push":)" + std::to_string(number) + R"(,"now":)" + std::to_string(now_ms()) + "," + verdict + "}";
}

// "accepted":12,"rejected":[…]
std::string verdict_of(PushBody& body) {
  auto refusals = body.refusals();
  std::sort(refusals.begin(), refusals.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::string out = R"("accepted":)" + std::to_string(body.changes().size() - refusals.size()) + R"(,"rejected":[)";
  for (const auto& [change, report] : refusals) {
    if (out.back() == '}') out += ',';
    out += R"({"change":)" + std::to_string(change) + R"(,"sqlstate":")" + sqlstate_text(report.sqlstate) +
           R"(","message":)";
    append_json_string(out, report.message);
    if (!report.hint.empty()) {
      out += R"(,"hint":)";
      append_json_string(out, report.hint);
    }
    if (!report.column.empty()) {
      out += R"(,"column":)";
      append_json_string(out, report.column);
    }
    out += '}';
  }
  return out + "]";
}

void check_number(const PushBody& body, const Sender& sender) {
  if (body.number() == sender.last_push + 1) return;
  if (body.number() > sender.last_push) {  // no copy of the file is ahead of all that have pushed
    throw Error(ErrorCode::kAhead,
                "the last push of this device was " + std::to_string(sender.last_push) + ", and this is " +
                    std::to_string(body.number()) + ": the hub was restored",
                "Load the tables again.");
  }
  throw Error(ErrorCode::kForked,
              "push " + std::to_string(body.number()) + " of this device is not the one after its last, " +
                  std::to_string(sender.last_push),
              "Another copy of the device's file has pushed. Enrol anew with the old token; "
              "pending changes are kept.");
}

// Called while the pushed tables are locked: one that was untracked and is tracked anew,
// with another epoch, was so before we got the lock and is seen here, or waits for us.
void check_epoch(Spi& spi, const PushBody& body) {
  if (!body.epoch()) return;
  if (*body.epoch() == hub_state(spi, Access::kWrites).epoch) return;
  throw Error(ErrorCode::kAhead, "the push was made on the log of another epoch",
              "The hub was restored, or a table was tracked anew. Load the tables again; pending changes are kept.");
}

std::string push(Spi& spi, const std::string& token, std::string_view text) {
  if (IsolationUsesXactSnapshot()) {
    throw SqlError(ERRCODE_ACTIVE_SQL_TRANSACTION, "tidemark.push needs the isolation level READ COMMITTED",
                   "It must see what others commit while it runs.");
  }
  const Sender sender = lock_sender(spi, token);
  PushBody body(text);
  const std::string hash = sha256(text);
  if (body.number() == sender.last_push && sender.verdict && hash == sender.last_hash) {
    return answer(body.number(), *sender.verdict);
  }
  check_number(body, sender);
  const Cursor cursor = parse_cursor(body.cursor(), hub_state(spi, Access::kWrites).head);
  body.read_changes(spi);

  mark_as_push(sender.device, body.number());
  PushJournal journal(body);
  {
    PushWatchScope watched(journal);
    apply_push(body, journal);
  }
  check_epoch(spi, body);
  check_overlap(spi, body, cursor, transaction_number());
  if (log_echoes(body, journal) && journal.is_as_sent()) mark_as_exact();

  note_rejects(spi, body, sender.device);
  const std::string verdict = verdict_of(body);
  const Datum stored_hash = text_datum(hash);  // bytea and text are laid out alike
  spi.run(
      "update tidemark._device set push = $2, push_hash = $3, verdict = $4, seen_at = "
      "clock_timestamp() "
      "where id = $1::uuid",
      {text_parameter(sender.device), int8_parameter(body.number()), {BYTEAOID, stored_hash}, text_parameter(verdict)});
  return answer(body.number(), verdict);
}

}  // namespace

TIDEMARK_SQL_FUNCTION(tidemark_push) {
  const std::string token = text_argument(fcinfo, 0);
  const std::string_view body = text_view_argument(fcinfo, 1);
  std::string verdict;
  {
    Spi spi;
    verdict = push(spi, token, body);
  }
  return text_datum(verdict);
}

}  // namespace tidemark::pg
