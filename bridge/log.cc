#include "bridge/log.h"

#include <simdjson.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>

#include "common/json_text.h"

namespace tidemark::bridge {
namespace {

LogFormat format_in_use = LogFormat::kLogfmt;  // set once, before the first thread

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug: return spdlog::level::debug;
    case LogLevel::kInfo: return spdlog::level::info;
    case LogLevel::kWarning: return spdlog::level::warn;
    case LogLevel::kError: return spdlog::level::err;
  }
  return spdlog::level::info;
}

bool is_plain(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(), [](unsigned char c) {
    return c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f;
  });
}

void append_field(std::string& line, const Field& field) {
  const bool is_json = format_in_use == LogFormat::kJson;
  if (!line.empty()) line += is_json ? ',' : ' ';
  if (is_json)
    append_json_string(line, field.name);
  else
    line += field.name;
  line += is_json ? ':' : '=';

  if (field.is_number || (!is_json && is_plain(field.value))) {
    line += field.value;
  } else if (simdjson::validate_utf8(field.value)) {
    append_json_string(line, field.value);
  } else {
    line += "\"(not UTF-8)\"";
  }
}

}  // namespace

void start_log(LogLevel lowest, LogFormat format) {
  format_in_use = format;
  const char* const pattern = format == LogFormat::kJson ? R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l",%v})"
                                                         : "time=%Y-%m-%dT%H:%M:%S.%eZ level=%l %v";
  auto logger = std::make_shared<spdlog::logger>("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_level(spdlog_level(lowest));
  logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(pattern, spdlog::pattern_time_type::utc));
  spdlog::set_default_logger(std::move(logger));
}

bool is_logged(LogLevel level) { return spdlog::should_log(spdlog_level(level)); }

void log(LogLevel level, const char* event, std::initializer_list<Field> fields) {
  if (!is_logged(level)) return;
  std::string line;
  append_field(line, {"event", event});
  for (const Field& field : fields) append_field(line, field);
  spdlog::default_logger_raw()->log(spdlog_level(level), spdlog::string_view_t(line));
}

}  // namespace tidemark::bridge
