#include "bridge/options.h"

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <map>

#include "common/error.h"

namespace tidemark::bridge {
namespace {

using std::chrono::milliseconds;

constexpr int kUsageStatus = 2;

milliseconds from_seconds(double seconds) { return milliseconds(std::llround(seconds * 1000)); }

// "127.0.0.1:8880" or "[::1]:8880"
void split_address(const std::string& address, ServerOptions& server) {
  const std::size_t colon = address.rfind(':');
  std::string host = colon == std::string::npos ? "" : address.substr(0, colon);
  const std::string port = colon == std::string::npos ? "" : address.substr(colon + 1);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const bool is_port = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == std::string::npos &&
                       std::stoi(port) <= 65535;
  if (host.empty() || !is_port || (!is_bracketed && host.find(':') != std::string::npos)) {
    throw Error(ErrorCode::kInvalidInput, "--listen \"" + address + "\" is not HOST:PORT",
                "Write 127.0.0.1:8880, 0.0.0.0:8880 or [::1]:8880; port 0 picks a free one.");
  }
  server.host = host;
  server.port = port;
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  std::string listen = "127.0.0.1:8880";
  double request_timeout_s = 60, header_timeout_s = 10, idle_timeout_s = 60, transfer_timeout_s = 30, grace_s = 30;

  CLI::App app("Tidemark: offline-first sync between PostgreSQL and SQLite.", "tidemark");
  app.set_version_flag("--version", "tidemark " TIDEMARK_VERSION);
  app.require_subcommand(1);
  CLI::App& serve = *app.add_subcommand("serve", "Serve devices over HTTP from one hub.");
  serve.footer("Each option can also be given by the environment variable in its line.");

  const CLI::Range seconds(0.01, 86400.0, "SECONDS");
  const CLI::Validator some([](std::string& bytes) { return bytes == "0" ? "must be more than 0" : ""; }, "");
  serve.add_option("--postgres", options.database.dsn, "libpq's connection string of the hub's database")
      ->envname("TIDEMARK_POSTGRES")
      ->required();
  serve.add_option("--listen", listen, "HOST:PORT; port 0 picks a free one, which the log tells")
      ->envname("TIDEMARK_LISTEN")
      ->capture_default_str();
  CLI::Option* const certificate =
      serve.add_option("--tls-cert", options.server.certificate_file, "PEM file of the certificate and its chain")
          ->envname("TIDEMARK_TLS_CERT");
  CLI::Option* const key =
      serve.add_option("--tls-key", options.server.key_file, "PEM file of its key")->envname("TIDEMARK_TLS_KEY");
  certificate->needs(key);
  key->needs(certificate);
  serve.add_option("--max-body", options.limits.max_body, "largest push, before and after decompression (64MiB …)")
      ->envname("TIDEMARK_MAX_BODY")
      ->transform(CLI::AsSizeValue(false))
      ->check(some)
      ->capture_default_str();
  serve.add_option("--page-bytes", options.routes.page_bytes, "size of a page that a device reads")
      ->envname("TIDEMARK_PAGE_BYTES")
      ->transform(CLI::AsSizeValue(false))
      ->capture_default_str();
  serve
      .add_option("--connections", options.database.connections,
                  "connections to PostgreSQL (one more looks after /healthz)")
      ->envname("TIDEMARK_CONNECTIONS")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  serve.add_option("--queue", options.database.queue, "requests that may wait for one of them, then 503")
      ->envname("TIDEMARK_QUEUE")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  serve.add_option("--max-clients", options.server.max_clients, "open connections of devices, then 503")
      ->envname("TIDEMARK_MAX_CLIENTS")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  serve.add_option("--request-timeout", request_timeout_s, "of one request in PostgreSQL")
      ->envname("TIDEMARK_REQUEST_TIMEOUT")
      ->check(seconds)
      ->capture_default_str();
  serve.add_option("--header-timeout", header_timeout_s, "for a request's header, and for the TLS handshake")
      ->envname("TIDEMARK_HEADER_TIMEOUT")
      ->check(seconds)
      ->capture_default_str();
  serve.add_option("--idle-timeout", idle_timeout_s, "between two requests of a connection")
      ->envname("TIDEMARK_IDLE_TIMEOUT")
      ->check(seconds)
      ->capture_default_str();
  serve.add_option("--transfer-timeout", transfer_timeout_s, "for each piece of a body or an answer")
      ->envname("TIDEMARK_TRANSFER_TIMEOUT")
      ->check(seconds)
      ->capture_default_str();
  serve.add_option("--grace", grace_s, "for requests that run when SIGTERM comes")
      ->envname("TIDEMARK_GRACE")
      ->check(seconds)
      ->capture_default_str();
  const std::map<std::string, LogLevel> levels = {{"debug", LogLevel::kDebug},
                                                  {"info", LogLevel::kInfo},
                                                  {"warning", LogLevel::kWarning},
                                                  {"error", LogLevel::kError}};
  const std::map<std::string, LogFormat> formats = {{"logfmt", LogFormat::kLogfmt}, {"json", LogFormat::kJson}};
  serve.add_option("--log-level", options.log_level, "debug, info, warning or error (info)")
      ->envname("TIDEMARK_LOG_LEVEL")
      ->transform(CLI::CheckedTransformer(levels));
  serve.add_option("--log-format", options.log_format, "logfmt or json (logfmt)")
      ->envname("TIDEMARK_LOG_FORMAT")
      ->transform(CLI::CheckedTransformer(formats));

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::exit(app.exit(error) == 0 ? 0 : kUsageStatus);
  }
  split_address(listen, options.server);
  options.database.timeout = from_seconds(request_timeout_s);
  options.limits.header_timeout = from_seconds(header_timeout_s);
  options.limits.idle_timeout = from_seconds(idle_timeout_s);
  options.limits.transfer_timeout = from_seconds(transfer_timeout_s);
  options.server.grace = from_seconds(grace_s);
  options.routes.max_body = options.limits.max_body;
  options.limits.bodies_in_memory = std::max(options.limits.bodies_in_memory, 4 * options.limits.max_body);
  return options;
}

}  // namespace tidemark::bridge
