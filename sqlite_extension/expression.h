// Evaluates the SQL expressions of policies, :base, :mine and :theirs given, in a
// database of their own that has no tables.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "sqlite_extension/statement.h"

namespace tidemark::device {

class Expressions {
 public:
  Expressions();
  ~Expressions();
  Expressions(const Expressions&) = delete;
  Expressions& operator=(const Expressions&) = delete;

  // Throws Error{kInvalidInput} for what is not one value of :base, :mine and :theirs.
  void check(const std::string& expression) { prepared(expression); }

  // Throws as check() does, and Error{kInvalidInput} if it fails or takes too long; at once
  // if it has taken too long some times.
  Value evaluate(const std::string& expression, const ValueView& base, const ValueView& mine, const ValueView& theirs);

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
  };
  Statement& prepared(const std::string& expression);

  std::unique_ptr<sqlite3, Close> db_;
  std::map<std::string, Statement> statements_;
  std::map<std::string, int> stopped_;  // how often each has taken too long
};

}  // namespace tidemark::device
