// What the command line and the environment say.
#pragma once

#include "bridge/database.h"
#include "bridge/log.h"
#include "bridge/routes.h"
#include "bridge/server.h"
#include "bridge/session.h"

namespace tidemark::bridge {

struct Options {
  DatabaseOptions database;
  RouteOptions routes;
  SessionLimits limits;
  ServerOptions server;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kLogfmt;
};

// Reads `tidemark serve …`. Ends the program by itself for --help, --version and
// what cannot be understood (status 2). Throws Error{kInvalidInput} for values
// that are wrong in themselves.
Options parse_options(int argc, char** argv);

}  // namespace tidemark::bridge
