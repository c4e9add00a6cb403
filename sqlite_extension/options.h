// The options of a SQL function: a JSON object as its last argument.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>

#include "common/error.h"
#include "common/wire.h"
#include "sqlite_extension/boundary.h"

namespace tidemark::device {

// The last argument of some functions: a JSON object with members of known names.
class Options {
 public:
  // Without the argument there are none. Throws Error{kInvalidInput} for what is
  // no object, or has a member of another name.
  Options(Arguments arguments, std::size_t place, std::initializer_list<const char*> names);
  Options(const Options&) = delete;  // `object_` is in `parser_`
  Options& operator=(const Options&) = delete;

  // nullopt if it is not given. Throws Error{kInvalidInput} if it is not `type`.
  template <class T>
  std::optional<T> get(const char* name, const char* type) const;

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element object_;
};

template <class T>
std::optional<T> Options::get(const char* name, const char* type) const {
  const auto member = optional_member(object_, name);
  if (!member) return std::nullopt;
  T value{};
  if (member->get(value) == simdjson::SUCCESS) return value;
  throw Error(ErrorCode::kInvalidInput, std::string("option \"") + name + "\" must be " + type);
}

// Empty if it is not given.
std::string text_option(const Options& options, const char* name);

}  // namespace tidemark::device
