#include "sqlite_extension/options.h"

#include <algorithm>

namespace tidemark::device {

Options::Options(Arguments arguments, std::size_t place, std::initializer_list<const char*> names) {
  const bool given = arguments.size() > place && sqlite3_value_type(arguments[place]) != SQLITE_NULL;
  simdjson::dom::object members;
  if (try_parse(parser_, given ? text_argument(arguments, place, "options") : "{}").get(object_) != simdjson::SUCCESS ||
      object_.get(members) != simdjson::SUCCESS) {
    throw Error(ErrorCode::kInvalidInput, "options must be a JSON object", "Like '{\"keys\":\"given\"}'.");
  }
  for (const auto& member : members) {
    if (std::find(names.begin(), names.end(), member.key) != names.end()) continue;
    std::string known;
    for (const char* candidate : names) known += (known.empty() ? "" : ", ") + std::string(candidate);
    throw Error(ErrorCode::kInvalidInput, "unknown option \"" + std::string(member.key) + "\"",
                "Known here: " + known + ".");
  }
}

std::string text_option(const Options& options, const char* name) {
  return std::string(options.get<std::string_view>(name, "a text").value_or(""));
}

}  // namespace tidemark::device
