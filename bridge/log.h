// The bridge's log: one line per event on standard error, logfmt or JSON. Never
// give it a secret, a token or a body.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace tidemark::bridge {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kLogfmt, kJson };

void start_log(LogLevel lowest, LogFormat format);

struct Field {
  Field(const char* field_name, std::string_view text) : name(field_name), value(text) {}
  Field(const char* field_name, std::int64_t number)
      : name(field_name), value(std::to_string(number)), is_number(true) {}

  const char* name;
  std::string value;
  bool is_number = false;
};

bool is_logged(LogLevel level);

// log(LogLevel::kInfo, "listening", {{"address", "127.0.0.1:8880"}});
//   time=2026-11-21T09:30:00.000Z level=info event=listening address=127.0.0.1:8880
void log(LogLevel level, const char* event, std::initializer_list<Field> fields);

}  // namespace tidemark::bridge
