#include "bridge/session.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>
#include <string>
#include <type_traits>

#include "bridge/http_rules.h"
#include "bridge/log.h"
#include "bridge/problem.h"

namespace tidemark::bridge {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = std::chrono::steady_clock;

using PlainStream = beast::tcp_stream;
using TlsStream = beast::ssl_stream<beast::tcp_stream>;
using Parser = http::request_parser<http::string_body>;
using Response = http::response<http::string_body>;

constexpr std::size_t kBufferBytes = std::size_t{80} << 10;       // a header and a piece of the body
constexpr std::size_t kPieceBytes = std::size_t{64} << 10;        // written at once, each within transfer_timeout
constexpr std::size_t kIgnoredBodyBytes = std::size_t{16} << 10;  // where a route wants no body
constexpr std::size_t kSlowestBytesPerSecond = 1024;              // a body that trickles slower is given up
constexpr std::chrono::seconds kLinger{2};

auto into(error_code& error) { return asio::redirect_error(asio::use_awaitable, error); }

// The part of the bodies' memory that one request holds.
class BodyShare {
 public:
  explicit BodyShare(std::atomic<std::size_t>& total) : total_(total) {}
  ~BodyShare() { total_ -= held_; }
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;

  bool fits(std::size_t more, std::size_t limit) {
    held_ += more;
    return (total_ += more) <= limit;
  }

 private:
  std::atomic<std::size_t>& total_;
  std::size_t held_ = 0;
};

template <class Stream>
class HttpSession final : public Session, public std::enable_shared_from_this<HttpSession<Stream>> {
 public:
  HttpSession(Stream stream, SessionContext& context, bool is_overloaded)
      : stream_(std::move(stream)), context_(context), is_overloaded_(is_overloaded) {
    error_code error;
    const auto peer = lowest().socket().remote_endpoint(error);
    if (!error) remote_ = peer.address().to_string();
    lowest().socket().set_option(tcp::no_delay(true), error);
    ++context_.metrics.connections;
  }
  ~HttpSession() override { --context_.metrics.connections; }

  void start(const std::function<void()>& ended) {
    const auto self = this->shared_from_this();
    asio::co_spawn(stream_.get_executor(), run(), [self, ended](const std::exception_ptr& exception) {
      try {
        if (exception) std::rethrow_exception(exception);
      } catch (const std::exception& error) {
        log(LogLevel::kError, "session_failed", {{"remote", self->remote_}, {"message", error.what()}});
      }
      ended();
    });
  }

  void stop() override {
    asio::post(stream_.get_executor(), [self = this->shared_from_this()] {
      if (self->is_idle_) self->lowest().cancel();
    });
  }

 private:
  // One request on its way through, for its log line and the counts.
  struct Exchange {
    Clock::time_point begun = Clock::now();
    std::shared_ptr<Call> call = std::make_shared<Call>();  // a pool's thread reads it beyond the answer
    unsigned version = 11;
    bool keep_alive = false;
    std::size_t received = 0;
    std::size_t sent = 0;
  };

  beast::tcp_stream& lowest() { return beast::get_lowest_layer(stream_); }

  awaitable<void> run() {
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      error_code error;
      is_idle_ = true;
      lowest().expires_after(context_.limits.header_timeout);
      co_await stream_.async_handshake(asio::ssl::stream_base::server, into(error));
      is_idle_ = false;
      if (error) {
        note_end(error);
        co_return;
      }
    }
    bool goes_on = true;
    while (goes_on) goes_on = co_await serve_one();
    co_await close();
  }

  // Reads one request and answers it; false when the connection is to be closed.
  awaitable<bool> serve_one() {
    const bool has_come = co_await request_has_begun();
    if (!has_come) co_return false;

    const SessionLimits& limits = context_.limits;
    Parser parser;
    parser.header_limit(kMaxHeaderBytes);
    parser.body_limit(limits.max_body);
    error_code error;
    lowest().expires_after(limits.header_timeout);
    std::size_t header_bytes = buffer_.size();
    header_bytes += co_await http::async_read_header(stream_, buffer_, parser, into(error));
    header_bytes -= std::min(header_bytes, buffer_.size());
    // Beast looks at no more than the fields that come in one piece.
    if (!error && header_bytes > kMaxHeaderBytes) error = http::error::header_limit;
    Exchange exchange;
    if (error) {
      const bool answered = co_await refuse_broken(exchange, parser, error);
      co_return answered;
    }

    const auto& request = parser.get();
    exchange.version = request.version();
    exchange.keep_alive = request.keep_alive();
    if (const char* const breach = breach_of_http(request)) {
      ++context_.metrics.malformed;
      exchange.call->refusal = problem(400, "invalid", std::string("the request is not proper HTTP: ") + breach);
    } else if (is_overloaded_) {
      exchange.call->refusal = unavailable("the bridge has too many connections", 1);
      exchange.keep_alive = false;
    } else {
      *exchange.call = context_.routes.open(head_of(request));
    }
    check_body_announced(parser, *exchange.call);
    if (exchange.call->refusal) {
      if (!parser.is_done()) exchange.keep_alive = false;
      Reply refusal = std::move(*exchange.call->refusal);
      const bool goes_on = co_await send(exchange, std::move(refusal));
      co_return goes_on;
    }

    BodyShare share(context_.body_bytes);
    if (!parser.is_done()) {
      std::optional<Reply> refusal = co_await read_body(exchange, parser, share, error);
      if (refusal) {
        exchange.keep_alive = false;
        co_await send(exchange, std::move(*refusal));
        co_return false;
      }
      if (error) {
        const bool answered = co_await refuse_broken(exchange, parser, error);
        co_return answered;
      }
    }
    lowest().expires_never();
    Reply reply = co_await answer(exchange.call, std::move(parser.get().body()));
    const bool goes_on = co_await send(exchange, std::move(reply));
    co_return goes_on;
  }

  // Waits for the first bytes of a request; false at the connection's end.
  awaitable<bool> request_has_begun() {
    if (buffer_.size() > 0) co_return true;  // sent together with the one before
    error_code error;
    std::size_t size = 0;
    while (true) {
      const bool is_quiet = lowest().socket().available(error) == 0;
      if (error || (context_.is_stopping && is_quiet)) co_return false;
      is_idle_ = true;
      lowest().expires_after(is_first_ ? context_.limits.header_timeout : context_.limits.idle_timeout);
      size = co_await stream_.async_read_some(buffer_.prepare(4096), into(error));
      is_idle_ = false;
      if (error == asio::error::operation_aborted && context_.is_stopping) continue;  // stop() looks once more
      break;
    }
    is_first_ = false;
    if (error && error != beast::error::timeout) note_end(error);
    if (error) co_return false;
    buffer_.commit(size);
    co_return true;
  }

  // Judges what the header says of the body, before a byte of it is read.
  void check_body_announced(const Parser& parser, Call& call) {
    if (call.refusal) return;
    const std::size_t limit = std::max(call.max_body, kIgnoredBodyBytes);
    const auto length = parser.content_length();
    if (length && *length > limit) {
      call.refusal = problem(413, "too_large", "the body is over the limit of " + std::to_string(limit) + " bytes");
      return;
    }
    const auto expectation = parser.get()[http::field::expect];
    if (!expectation.empty() && !beast::iequals(expectation, "100-continue")) {
      call.refusal = problem(417, "invalid", "an Expect header other than 100-continue");
    }
  }

  // Reads the rest of the request. Gives an answer if it has to be refused
  // meanwhile; sets `error` if the client broke off or broke the rules.
  awaitable<std::optional<Reply>> read_body(Exchange& exchange, Parser& parser, BodyShare& share, error_code& error) {
    const SessionLimits& limits = context_.limits;
    parser.body_limit(std::max(exchange.call->max_body, kIgnoredBodyBytes));
    parser.eager(true);
    if (exchange.version >= 11 && !parser.get()[http::field::expect].empty()) {
      http::response<http::empty_body> go_on(http::status::continue_, exchange.version);
      lowest().expires_after(limits.transfer_timeout);
      co_await http::async_write(stream_, go_on, into(error));
      if (error) co_return std::nullopt;
    }
    const auto begun = Clock::now();
    while (!parser.is_done()) {
      const auto at_slowest =
          begun + limits.transfer_timeout + std::chrono::seconds(exchange.received / kSlowestBytesPerSecond);
      lowest().expires_at(std::min(at_slowest, Clock::now() + limits.transfer_timeout));
      const std::size_t size = co_await http::async_read_some(stream_, buffer_, parser, into(error));
      if (error) co_return std::nullopt;
      exchange.received += size;
      if (!share.fits(size, limits.bodies_in_memory)) {
        co_return unavailable("the bridge has too many bodies in memory", 1);
      }
    }
    co_return std::nullopt;
  }

  // Has the routes answer on another thread and comes back to this strand.
  awaitable<Reply> answer(std::shared_ptr<const Call> call, std::string body) {
    auto initiate = [this, call = std::move(call), body = std::move(body)](auto handler) mutable {
      using Handler = decltype(handler);
      const auto shared = std::make_shared<Handler>(std::move(handler));
      const auto executor = asio::get_associated_executor(*shared);
      context_.routes.answer(
          std::move(call), std::move(body), [shared, executor, work = asio::make_work_guard(executor)](Reply reply) {
            asio::post(executor, [shared, reply = std::move(reply)]() mutable { (*shared)(std::move(reply)); });
          });
    };
    Reply reply = co_await asio::async_initiate<const asio::use_awaitable_t<>, void(Reply)>(std::move(initiate),
                                                                                            asio::use_awaitable);
    co_return reply;
  }

  // The last answer on a connection whose client does not speak properly or went away.
  awaitable<bool> refuse_broken(Exchange& exchange, const Parser& parser, const error_code& error) {
    std::optional<Reply> reply = answer_to(error, parser.is_header_done(), context_.limits);
    if (!reply) {
      note_end(error);
      co_return false;
    }
    if (reply->status == 400) ++context_.metrics.malformed;
    if (reply->status == 413 && !exchange.call->endpoint) {
      *exchange.call = context_.routes.open(head_of(parser.get()));
      if (exchange.call->refusal) reply = std::move(exchange.call->refusal);  // before its size, its address is wrong
    }
    exchange.keep_alive = false;
    co_await send(exchange, std::move(*reply));
    co_return false;
  }

  // Writes the answer piece by piece, each in its own time; false if the connection ends here.
  awaitable<bool> send(Exchange& exchange, Reply reply) {
    if (context_.is_stopping) exchange.keep_alive = false;
    must_linger_ = !exchange.keep_alive;

    Response response(static_cast<http::status>(reply.status), exchange.version);
    response.reason(reason_of(reply.status));
    response.set(http::field::server, "tidemark/" TIDEMARK_VERSION);
    response.set(http::field::date, http_date());
    response.set(http::field::content_type, reply.content_type);
    response.set(http::field::cache_control, "no-store");
    response.set(http::field::vary, "Accept-Encoding");
    for (const auto& [name, value] : reply.headers) response.set(name, value);
    response.content_length(reply.body.size());
    response.keep_alive(exchange.keep_alive);
    const std::size_t body_bytes = exchange.call->is_head ? 0 : reply.body.size();
    if (!exchange.call->is_head) response.body() = std::move(reply.body);

    http::response_serializer<http::string_body> serializer(response);
    serializer.limit(kPieceBytes);
    error_code error;
    while (!error && !serializer.is_done()) {
      lowest().expires_after(context_.limits.transfer_timeout);
      exchange.sent += co_await http::async_write_some(stream_, serializer, into(error));
    }
    count(exchange, reply.status, body_bytes, std::max(reply.plain_bytes, body_bytes));
    if (error) note_end(error);
    co_return !error && exchange.keep_alive;
  }

  void count(const Exchange& exchange, unsigned status, std::size_t wire_bytes, std::size_t plain_bytes) {
    const auto duration = Clock::now() - exchange.begun;
    Metrics& metrics = context_.metrics;
    metrics.count_request(exchange.call->method_label(), exchange.call->route_label(), status, duration);
    metrics.sent_wire_bytes += static_cast<std::int64_t>(wire_bytes);
    metrics.sent_plain_bytes += static_cast<std::int64_t>(plain_bytes);
    const auto number = [](std::size_t size) { return static_cast<std::int64_t>(size); };
    log(LogLevel::kInfo, "request",
        {{"method", exchange.call->method_label()},
         {"route", exchange.call->route_label()},
         {"status", number(status)},
         {"ms", std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()},
         {"bytes_in", number(exchange.received)},
         {"bytes_out", number(exchange.sent)},
         {"remote", remote_}});
  }

  // Says why a connection ended that we did not end.
  void note_end(const error_code& error) {
    if (error == beast::error::timeout) ++context_.metrics.timeouts;
    log(LogLevel::kDebug, "connection_ended", {{"remote", remote_}, {"message", error.message()}});
  }

  // Closing with unread bytes would reset the connection and take the answer
  // along: so first say that we are done, and read on for a moment.
  awaitable<void> close() {
    error_code error;
    if constexpr (std::is_same_v<Stream, TlsStream>) {
      if (lowest().socket().is_open()) {
        lowest().expires_after(kLinger);
        co_await stream_.async_shutdown(into(error));
      }
    }
    if (!must_linger_ || !lowest().socket().is_open()) co_return;
    lowest().socket().shutdown(tcp::socket::shutdown_send, error);
    lowest().expires_after(kLinger);
    std::array<char, 8192> dropped;
    while (!error) co_await lowest().async_read_some(asio::buffer(dropped), into(error));
  }

  Stream stream_;
  SessionContext& context_;
  const bool is_overloaded_;
  std::string remote_ = "unknown";
  beast::flat_buffer buffer_{kBufferBytes};
  bool is_idle_ = false;  // before a request or between two: may be closed
  bool is_first_ = true;
  bool must_linger_ = false;
};

template <class Stream>
std::shared_ptr<Session> started(Stream stream, SessionContext& context, bool is_overloaded,
                                 const std::function<void()>& ended) {
  const auto session = std::make_shared<HttpSession<Stream>>(std::move(stream), context, is_overloaded);
  session->start(ended);
  return session;
}

}  // namespace

std::shared_ptr<Session> start_session(tcp::socket socket, const std::shared_ptr<asio::ssl::context>& tls,
                                       SessionContext& context, bool is_overloaded,
                                       const std::function<void()>& ended) {
  PlainStream plain(std::move(socket));
  if (!tls) return started(std::move(plain), context, is_overloaded, ended);
  return started(TlsStream(std::move(plain), *tls), context, is_overloaded, ended);
}

}  // namespace tidemark::bridge
