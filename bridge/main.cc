// The program `tidemark`. `tidemark serve` is the HTTP bridge: stateless, so any
// number of them may run in front of one hub.
#include <sys/resource.h>

#include <csignal>
#include <cstdio>
#include <exception>

#include "bridge/options.h"

namespace tidemark::bridge {
namespace {

// As many sockets as the system lets us have: the soft limit is 1024 for select()'s sake.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Liveness has a connection of its own, so that it is answered while pushes wait.
DatabaseOptions for_health(DatabaseOptions options) {
  constexpr std::chrono::milliseconds kPatience{3000};
  options.connections = 1;
  options.timeout = std::min(options.timeout, kPatience);
  return options;
}

int serve(const Options& options) {
  check_dsn(options.database.dsn);
  Metrics metrics;
  Server server(options.server);
  Pool pool(options.database, metrics);
  Pool health_pool(for_health(options.database), metrics);
  const Routes routes(options.routes, pool, health_pool, metrics);

  const bool is_clean = server.run(routes, options.limits, metrics);
  pool.stop(!is_clean);
  health_pool.stop(true);
  log(LogLevel::kInfo, "stopped", {{"clean", is_clean ? "yes" : "no"}});
  return 0;
}

int run(int argc, char** argv) {
  try {
    const Options options = parse_options(argc, argv);
    std::signal(SIGPIPE, SIG_IGN);
    raise_file_limit();
    start_log(options.log_level, options.log_format);
    return serve(options);
  } catch (const Error& error) {
    std::fprintf(stderr, "tidemark: %s\n", error.what());
    if (!error.hint().empty()) std::fprintf(stderr, "hint: %s\n", error.hint().c_str());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "tidemark: %s\n", error.what());
  }
  return 1;
}

}  // namespace
}  // namespace tidemark::bridge

int main(int argc, char** argv) { return tidemark::bridge::run(argc, argv); }
