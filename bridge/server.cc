#include "bridge/server.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <map>
#include <thread>
#include <vector>

#include "bridge/log.h"
#include "bridge/tls.h"
#include "common/error.h"

namespace tidemark::bridge {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};  // after running out of file descriptors

// "[::1]:8880" for an address of either family.
std::string text_of(const tcp::endpoint& endpoint) {
  const std::string address = endpoint.address().to_string();
  const std::string port = std::to_string(endpoint.port());
  return endpoint.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port;
}

}  // namespace

// All members but the options are used on one strand.
class Server::Listener {
 public:
  explicit Listener(const ServerOptions& options)
      : options_(options),
        strand_(asio::make_strand(io_)),
        acceptor_(strand_),
        signals_(strand_, SIGTERM, SIGINT, SIGHUP),
        grace_timer_(strand_),
        pause_timer_(strand_) {
    if (!options_.certificate_file.empty()) tls_ = load_tls(options_.certificate_file, options_.key_file);
    listen();
  }

  bool run(const Routes& routes, const SessionLimits& limits, Metrics& metrics) {
    context_ = std::make_unique<SessionContext>(limits, routes, metrics);
    asio::co_spawn(strand_, accept_clients(), asio::detached);
    wait_for_signal();
    log(LogLevel::kInfo, "listening",
        {{"address", text_of(acceptor_.local_endpoint())},
         {"tls", tls_ ? "yes" : "no"},
         {"version", TIDEMARK_VERSION}});

    std::vector<std::thread> helpers;
    for (std::size_t i = 1; i < options_.threads; ++i) helpers.emplace_back([this] { io_.run(); });
    io_.run();
    for (std::thread& helper : helpers) helper.join();
    return !was_cut_off_;
  }

 private:
  [[noreturn]] void cannot_listen(const std::string& why) {
    throw Error(ErrorCode::kInvalidInput, "cannot listen on \"" + options_.host + ":" + options_.port + "\": " + why,
                "Give another address by --listen HOST:PORT, or end the program that has it.");
  }

  void listen() {
    error_code error;
    tcp::resolver resolver(io_);
    const auto found =
        resolver.resolve(options_.host, options_.port, tcp::resolver::passive | tcp::resolver::numeric_service, error);
    if (error || found.empty()) cannot_listen(error.message());
    const tcp::endpoint endpoint = found.begin()->endpoint();
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
    if (error) cannot_listen(error.message());
  }

  asio::awaitable<void> accept_clients() {
    while (!context_->is_stopping) {
      error_code error;
      tcp::socket socket(asio::make_strand(io_));
      co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (context_->is_stopping) co_return;
      if (!error) {
        welcome(std::move(socket));
        continue;
      }
      log(LogLevel::kWarning, "accept_failed", {{"message", error.message()}});
      pause_timer_.expires_after(kAcceptPause);
      co_await pause_timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
    }
  }

  void welcome(tcp::socket socket) {
    ++context_->metrics.connections_accepted;
    const bool is_overloaded = sessions_.size() >= options_.max_clients;
    if (is_overloaded) {
      ++context_->metrics.connections_refused;
      // Some are told so, politely; a flood is not worth the memory.
      const std::size_t told = options_.max_clients / 10 + 10;
      if (sessions_.size() >= options_.max_clients + told) return;
    }
    const std::uint64_t id = next_id_++;
    try {
      sessions_[id] = start_session(std::move(socket), tls_, *context_, is_overloaded, [this, id] {
        asio::post(strand_, [this, id] {
          sessions_.erase(id);
          end_if_done();
        });
      });
    } catch (const std::exception& error) {  // out of memory: this client is lost, not the listener
      sessions_.erase(id);
      log(LogLevel::kError, "client_dropped", {{"message", error.what()}});
    }
  }

  void wait_for_signal() {
    signals_.async_wait([this](const error_code& error, int signal) {
      if (error) return;
      wait_for_signal();
      if (signal == SIGHUP) {
        reload_certificate();
      } else if (context_->is_stopping) {
        cut_off("second signal");
      } else {
        stop();
      }
    });
  }

  // New connections get the new certificate, old ones keep theirs.
  void reload_certificate() {
    if (!tls_) return;
    try {
      tls_ = load_tls(options_.certificate_file, options_.key_file);
      log(LogLevel::kInfo, "certificate_reloaded", {{"file", options_.certificate_file}});
    } catch (const Error& error) {
      log(LogLevel::kError, "certificate_kept", {{"message", error.what()}});
    }
  }

  void stop() {
    log(LogLevel::kInfo, "stopping", {{"connections", static_cast<std::int64_t>(sessions_.size())}});
    context_->is_stopping = true;
    error_code ignored;
    acceptor_.close(ignored);
    pause_timer_.cancel();
    for (const auto& [id, session] : sessions_) session->stop();
    grace_timer_.expires_after(options_.grace);
    grace_timer_.async_wait([this](const error_code& error) {
      if (!error) cut_off("the grace time is over");
    });
    end_if_done();
  }

  void end_if_done() {
    if (!context_->is_stopping || !sessions_.empty()) return;
    signals_.cancel();
    grace_timer_.cancel();
  }

  void cut_off(const char* why) {
    log(LogLevel::kWarning, "cut_off", {{"reason", why}, {"connections", static_cast<std::int64_t>(sessions_.size())}});
    was_cut_off_ = true;
    io_.stop();
  }

  const ServerOptions options_;
  std::unique_ptr<SessionContext> context_;  // outlives the sessions, which io_ may hold
  asio::io_context io_;
  asio::strand<asio::io_context::executor_type> strand_;
  std::shared_ptr<asio::ssl::context> tls_;
  tcp::acceptor acceptor_;
  asio::signal_set signals_;
  asio::steady_timer grace_timer_;
  asio::steady_timer pause_timer_;
  std::map<std::uint64_t, std::shared_ptr<Session>> sessions_;
  std::uint64_t next_id_ = 0;
  bool was_cut_off_ = false;
};

Server::Server(const ServerOptions& options) : listener_(std::make_unique<Listener>(options)) {}

Server::~Server() = default;

bool Server::run(const Routes& routes, const SessionLimits& limits, Metrics& metrics) {
  return listener_->run(routes, limits, metrics);
}

}  // namespace tidemark::bridge
