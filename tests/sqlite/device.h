// The real tidemark.so in a test's connection, and files to try it on.
#pragma once

#include <filesystem>
#include <string>

#include "tests/sqlite/database.h"

namespace tidemark::test {

// Loads the extension that was built; throws SqlFailure.
void load_tidemark(const Database& db);

// A folder that goes with the scope.
class Folder {
 public:
  Folder();
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string file(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

// How a connection is set up that writes to a tracked table.
struct Setting {
  std::string name;
  bool extension = true;  // false: a second connection that never loads it
  bool recursive_triggers = false;
  bool foreign_keys = false;
  bool trusted_schema = true;
  bool wal = false;
};

const std::vector<Setting>& settings();

// A connection to the file, set up like that.
Database connect(const std::string& file, const Setting& setting);

}  // namespace tidemark::test
