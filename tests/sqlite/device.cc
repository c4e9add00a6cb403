#include "tests/sqlite/device.h"

#include <unistd.h>

namespace tidemark::test {

void load_tidemark(const Database& db) {
  sqlite3_db_config(db.handle(), SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 1, nullptr);
  char* message = nullptr;
  const int code = sqlite3_load_extension(db.handle(), TIDEMARK_EXTENSION, nullptr, &message);
  if (code == SQLITE_OK) return;
  const std::string text = message ? message : "out of memory";
  sqlite3_free(message);
  throw SqlFailure(code, text, "load " TIDEMARK_EXTENSION);
}

Folder::Folder() {
  std::string form = (std::filesystem::temp_directory_path() / "tidemark-XXXXXX").string();
  if (!mkdtemp(form.data())) throw std::runtime_error("mkdtemp " + form);
  path_ = form;
}

const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = {
      {"as it comes"},
      {"recursive triggers, foreign keys, WAL", true, true, true, true, true},
      {"no extension", false},
      {"no extension, recursive triggers, schema not trusted, WAL", false, true, false, false, true},
  };
  return all;
}

Database connect(const std::string& file, const Setting& setting) {
  Database db(file);
  if (setting.extension) load_tidemark(db);
  sqlite3_busy_timeout(db.handle(), 5000);
  const auto pragma = [&](const char* name, bool on) {
    db.run(std::string("pragma ") + name + (on ? " = on" : " = off"));
  };
  db.run(setting.wal ? "pragma journal_mode = wal" : "pragma journal_mode = delete");
  db.run("pragma synchronous = off");
  pragma("recursive_triggers", setting.recursive_triggers);
  pragma("foreign_keys", setting.foreign_keys);
  pragma("trusted_schema", setting.trusted_schema);
  return db;
}

}  // namespace tidemark::test
