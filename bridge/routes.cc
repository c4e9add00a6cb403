#include "bridge/routes.h"

#include <array>
#include <exception>
#include <string_view>
#include <utility>

#include "bridge/log.h"
#include "bridge/problem.h"
#include "common/wire.h"

namespace tidemark::bridge {

// What a handler has at hand.
struct Work {
  const Call& call;
  const std::string& body;  // decompressed
  Connection& database;
  const RouteOptions& options;
};

enum class Access { kOpen, kToken, kEnrol };
enum class Place { kHere, kDatabase, kHealth };  // which thread answers

struct Endpoint {
  const char* method;
  const char* pattern;  // {name} stands for one segment
  Access access;
  Place place;
  std::size_t max_body;  // 0: none is looked at; kPushBody: what --max-body says
  Reply (*handle)(const Work&);
  void (*afterwards)(const Work&);  // runs once a 2xx answer is on its way; may be null
};

namespace {

constexpr std::size_t kPushBody = SIZE_MAX;
constexpr std::size_t kSmallBody = std::size_t{16} << 10;

constexpr Statement kEnrol = {"enrol", "select tidemark.enrol($1, $2, $3)"};
constexpr Statement kEnrolAgain = {"enrol_again", "select tidemark.enrol_again($1, $2)"};
constexpr Statement kTableList = {"table_list", "select tidemark.table_list($1)"};
constexpr Statement kSequence = {"sequence", "select tidemark.sequence()"};
constexpr Statement kPull = {"pull", "select tidemark.pull($1, $2, $3, $4)"};
constexpr Statement kSeen = {"seen", "select tidemark.seen($1, $2)"};
constexpr Statement kRows = {"rows", "select tidemark.rows($1, $2, $3, $4)"};
constexpr Statement kPush = {"push", "select tidemark.push($1, $2)"};
constexpr Statement kDeviceStatus = {"device_status", "select tidemark.device_status($1)"};
constexpr Statement kPing = {"ping", "select 1"};

bool is_push_number(const std::string& text) {
  constexpr std::size_t kDigits = 18;
  return !text.empty() && text.size() <= kDigits && text.find_first_not_of("0123456789") == std::string::npos;
}

const char* text_or_null(const std::optional<std::string>& text) { return text ? text->c_str() : nullptr; }

Reply json(std::string body, unsigned status = 200) {
  Reply reply;
  reply.status = status;
  reply.body = std::move(body);
  return reply;
}

// Numbers the commits that wait for it, so that the page that follows has them.
void bring_log_up_to_date(Connection& database) {
  database.connect();
  if (!database.is_standby()) database.run(kSequence, {});
}

// The member "name" of an enrolment's body; nullopt if there is none.
std::optional<std::string> device_name(const std::string& body) {
  if (body.empty()) return std::nullopt;
  simdjson::dom::parser parser;
  const simdjson::dom::element root = parse_body(parser, body);
  if (!root.is_object()) throw Error(ErrorCode::kInvalidInput, "malformed body: a JSON object expected");
  simdjson::dom::element member;
  if (root["name"].get(member) != simdjson::SUCCESS || member.is_null()) return std::nullopt;
  std::string_view name;
  if (member.get(name) != simdjson::SUCCESS || !is_text(name)) {
    throw Error(ErrorCode::kInvalidInput, "malformed body: \"name\" is not a string, or has U+0000 in it");
  }
  return std::string(name);
}

Reply enrol(const Work& work) {
  const Credentials& who = work.call.credentials;
  const auto name = device_name(work.body);
  bring_log_up_to_date(work.database);  // `head` then covers what the file has pushed under another name
  if (who.scheme == Credentials::Scheme::kBearer) {
    return json(work.database.value(kEnrolAgain, {who.token.c_str(), text_or_null(name)}), 201);
  }
  return json(work.database.value(kEnrol, {who.user.c_str(), who.secret.c_str(), text_or_null(name)}), 201);
}

Reply table_list(const Work& work) {
  return json(work.database.value(kTableList, {work.call.credentials.token.c_str()}));
}

Reply pull(const Work& work) {
  if (!work.call.after) {
    throw Error(ErrorCode::kInvalidInput, "the parameter \"after\" is missing", "Begin with after=0.");
  }
  bring_log_up_to_date(work.database);
  const std::string page_bytes = std::to_string(work.options.page_bytes);
  const char* const have = work.call.have ? work.call.have->c_str() : "0";
  return json(work.database.value(
      kPull, {work.call.credentials.token.c_str(), work.call.after->c_str(), page_bytes.c_str(), have}));
}

void note_cursor(const Work& work) {
  if (work.database.is_standby()) return;
  work.database.run(kSeen, {work.call.credentials.token.c_str(), work.call.after->c_str()});
}

Reply rows(const Work& work) {
  bring_log_up_to_date(work.database);
  const std::string page_bytes = std::to_string(work.options.page_bytes);
  return json(work.database.value(kRows, {work.call.credentials.token.c_str(), work.call.name.c_str(),
                                          text_or_null(work.call.after), page_bytes.c_str()}));
}

Reply push(const Work& work) {
  if (!is_text(work.body)) {
    throw Error(ErrorCode::kInvalidInput, "malformed body: it is not UTF-8, or has a zero byte in it");
  }
  return json(work.database.value(kPush, {work.call.credentials.token.c_str(), work.body.c_str()}));
}

Reply status(const Work& work) {
  return json(work.database.value(kDeviceStatus, {work.call.credentials.token.c_str()}));
}

Reply health(const Work& work) {
  work.database.run(kPing, {});
  return json(R"({"status":"ok"})");
}

constexpr Endpoint kEndpoints[] = {
    {"POST", "/v1/devices", Access::kEnrol, Place::kDatabase, kSmallBody, enrol, nullptr},
    {"GET", "/v1/tables", Access::kToken, Place::kDatabase, 0, table_list, nullptr},
    {"GET", "/v1/tables/{name}/rows", Access::kToken, Place::kDatabase, 0, rows, nullptr},
    {"GET", "/v1/log", Access::kToken, Place::kDatabase, 0, pull, note_cursor},
    {"POST", "/v1/log", Access::kToken, Place::kDatabase, kPushBody, push, nullptr},
    {"GET", "/v1/status", Access::kToken, Place::kDatabase, 0, status, nullptr},
    {"GET", "/healthz", Access::kOpen, Place::kHealth, 0, health, nullptr},
    {"GET", "/metrics", Access::kOpen, Place::kHere, 0, nullptr, nullptr},
};

// True if the path has the pattern's shape; its {name} goes to `name`.
bool matches(std::string_view pattern, const std::vector<std::string>& segments, std::string& name) {
  std::string found;
  for (const std::string& segment : segments) {
    if (pattern.empty()) return false;
    pattern.remove_prefix(1);  // the slash
    const std::string_view expected = pattern.substr(0, pattern.find('/'));
    if (expected == "{name}")
      found = segment;
    else if (expected != segment)
      return false;
    pattern.remove_prefix(expected.size());
  }
  if (!pattern.empty()) return false;
  name = std::move(found);
  return true;
}

Reply not_found() {
  return problem(404, "not_found", "there is nothing at this path", "docs/protocol.md lists the paths.");
}

Reply method_not_allowed(const std::string& allowed) {
  Reply reply = problem(405, "method_not_allowed", "the path does not answer this method");
  reply.headers.emplace_back("Allow", allowed);
  return reply;
}

void check_access(Access access, const Credentials& credentials) {
  using Scheme = Credentials::Scheme;
  if (access == Access::kToken && credentials.scheme != Scheme::kBearer) {
    throw Error(ErrorCode::kUnauthorized, "a device's token is missing",
                "Send the header Authorization: Bearer TOKEN with the token of the enrolment.");
  }
  if (access == Access::kEnrol && credentials.scheme == Scheme::kNone) {
    throw Error(ErrorCode::kUnauthorized, "the user's name and secret are missing",
                "Send them by HTTP Basic authentication.");
  }
}

// RFC 9110 wants a challenge with every 401, an offer with every 415.
void add_required_headers(const Endpoint* endpoint, Reply& reply) {
  if (reply.status == 401) {
    const bool is_basic = endpoint && endpoint->access == Access::kEnrol;
    reply.headers.emplace_back("WWW-Authenticate",
                               is_basic ? R"(Basic realm="tidemark", charset="UTF-8")" : R"(Bearer realm="tidemark")");
  }
  if (reply.status == 415) reply.headers.emplace_back("Accept-Encoding", "zstd, gzip");
}

// Runs `work` and turns whatever it throws into an answer.
template <class Function>
Reply answered(const Call& call, Metrics& metrics, Function&& work) {
  try {
    return work();
  } catch (const SqlError& error) {
    metrics.count_sql_error(error.sqlstate());
    Reply reply = problem_of(error);
    const bool is_ours = reply.status >= 500;
    log(is_ours ? LogLevel::kError : LogLevel::kDebug, "sql_error",
        {{"route", call.route_label()}, {"sqlstate", error.sqlstate()}, {"message", error.what()}});
    return reply;
  } catch (const Error& error) {
    return problem_of(error);
  } catch (const std::bad_alloc&) {
    return unavailable("the bridge is out of memory", 5);
  } catch (const std::exception& error) {
    log(LogLevel::kError, "failed", {{"route", call.route_label()}, {"message", error.what()}});
    return problem(500, "internal", "the bridge failed; its log says why");
  }
}

}  // namespace

const char* Call::method_label() const { return endpoint ? endpoint->method : "other"; }

const char* Call::route_label() const { return endpoint ? endpoint->pattern : "unknown"; }

Call Routes::open(const Head& head) const {
  Call call;
  Reply verdict = answered(call, metrics_, [&] {
    judge(head, call);
    return Reply();
  });
  if (verdict.status != 200) call.refusal = std::move(verdict);
  if (call.refusal) add_required_headers(call.endpoint, *call.refusal);
  return call;
}

void Routes::judge(const Head& head, Call& call) const {
  call.answer_encoding = preferred_encoding(head.accept_encoding);
  call.is_head = head.method == "HEAD";
  const Target target = parse_target(head.target);

  std::string allowed;
  for (const Endpoint& endpoint : kEndpoints) {
    if (!matches(endpoint.pattern, target.segments, call.name)) continue;
    const bool has_head = endpoint.access == Access::kOpen;
    if (head.method == endpoint.method || (call.is_head && has_head)) {
      call.endpoint = &endpoint;
      break;
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string(endpoint.method) + (has_head ? ", HEAD" : "");
  }
  if (!call.endpoint) {
    call.refusal = allowed.empty() ? not_found() : method_not_allowed(allowed);
    return;
  }

  const Endpoint& endpoint = *call.endpoint;
  call.max_body = endpoint.max_body == kPushBody ? options_.max_body : endpoint.max_body;
  if (endpoint.access != Access::kOpen) call.credentials = parse_authorization(head.authorization);
  check_access(endpoint.access, call.credentials);
  call.content_encoding = content_encoding(head.content_encoding);
  call.after = query_parameter(target.query, "after");
  call.have = query_parameter(target.query, "have");
  if (call.have && !is_push_number(*call.have)) {
    throw Error(ErrorCode::kInvalidInput, "the parameter \"have\" is not the number of a push");
  }
}

void Routes::answer(std::shared_ptr<const Call> call, std::string body, const std::function<void(Reply)>& done) const {
  const Endpoint& endpoint = *call->endpoint;
  if (endpoint.place == Place::kHere) {
    Reply reply;
    reply.content_type = "text/plain; version=0.0.4; charset=utf-8";
    reply.body = metrics_.text();
    reply.plain_bytes = reply.body.size();
    done(std::move(reply));
    return;
  }
  Pool& pool = endpoint.place == Place::kHealth ? health_pool_ : pool_;
  // Shared, because a std::function is copied and a body should not be.
  const auto content = std::make_shared<std::string>(std::move(body));
  const bool is_queued = pool.submit([this, call, content, done](Connection& connection) {
    Reply reply = run(*call, *content, connection);
    const bool has_afterwards = call->endpoint->afterwards && reply.status < 300;
    done(std::move(reply));
    if (!has_afterwards) return;
    answered(*call, metrics_, [&] {
      call->endpoint->afterwards({*call, *content, connection, options_});
      return Reply();
    });
  });
  if (!is_queued) done(unavailable("the bridge has too many requests at once", 1));
}

// On a pool's thread: decompresses the body in place, asks the hub, compresses the answer.
Reply Routes::run(const Call& call, std::string& body, Connection& connection) const {
  Reply reply = answered(call, metrics_, [&] {
    metrics_.received_wire_bytes += static_cast<std::int64_t>(body.size());
    if (call.content_encoding != Encoding::kIdentity && call.max_body > 0) {
      body = decompress(body, call.content_encoding, call.max_body);
    }
    metrics_.received_plain_bytes += static_cast<std::int64_t>(body.size());

    Reply answer = call.endpoint->handle({call, body, connection, options_});
    answer.plain_bytes = answer.body.size();
    // Also a short one: the checksum is worth more than the bytes.
    if (call.answer_encoding != Encoding::kIdentity) {
      answer.body = compress(answer.body, call.answer_encoding);
      answer.headers.emplace_back("Content-Encoding", name_of(call.answer_encoding));
    }
    return answer;
  });
  add_required_headers(call.endpoint, reply);
  return reply;
}

}  // namespace tidemark::bridge
