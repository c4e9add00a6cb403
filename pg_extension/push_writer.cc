#include "pg_extension/push_writer.h"

#include <utility>

#include "pg_extension/pushed_rows.h"

namespace tidemark::pg {
namespace {

// The search path that users' triggers expect, the session's own, for the length
// of a scope; temporary tables come last.
class SessionSearchPath {
 public:
  SessionSearchPath() {
    const char* const reset = call([] { return GetConfigOptionResetString("search_path"); });
    std::string path = reset == nullptr ? "" : reset;
    if (path.find("pg_temp") == std::string::npos) path += path.empty() ? "pg_temp" : ", pg_temp";
    level_ = call([&] {
      const int level = NewGUCNestLevel();
      set_config_option("search_path", path.c_str(), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
      return level;
    });
  }
  ~SessionSearchPath() {
    if (std::uncaught_exceptions() == on_entry_) AtEOXact_GUC(true, level_);
  }
  SessionSearchPath(const SessionSearchPath&) = delete;
  SessionSearchPath& operator=(const SessionSearchPath&) = delete;

 private:
  int on_entry_ = std::uncaught_exceptions();
  int level_ = 0;
};

}  // namespace

void PushWriter::write(const Group& group, Changes changes, Rows rows, Part part) {
  const ColumnSet& columns = body_.tables()[group.table].column_sets[group.column_set];
  const bool writes_nothing = group.op == Op::kUpdate && columns.places.empty();
  const std::uint64_t written =
      writes_nothing ? 0 : run(group, changes, group.op != Op::kDelete, statement_for(group, rows, part));
  if (written == changes.size()) return;
  has_missed_ = has_missed_ || group.op != Op::kInsert || part == Part::kLater;
  for (const std::uint32_t change : changes) body_.changes()[change].doubtful = true;
}

std::string PushWriter::statement_for(const Group& group, Rows rows, Part part) const {
  const PushedTable& table = body_.tables()[group.table];
  const Layout& layout = *table.layout;
  const ColumnSet& columns = table.column_sets[group.column_set];
  switch (group.op) {
    case Op::kInsert:
      if (part == Part::kLater) return complete_statement(layout, columns, group.later);
      return insert_statement(layout, columns, rows,
                              part == Part::kWithoutLater ? group.later : std::vector<std::uint16_t>());
    case Op::kUpdate: return update_statement(layout, columns);
    case Op::kDelete: return delete_statement(layout);
  }
  return {};
}

std::uint64_t PushWriter::let_go(const Group& group, Changes changes, const LettingGo& how) {
  return run(group, changes, false, how.statement);
}

std::uint64_t PushWriter::run(const Group& group, Changes changes, bool with_values, const std::string& statement) {
  Spi spi;
  PushedRows rows(body_, changes, with_values);
  rows.register_in(spi);
  ActingAs owner(body_.tables()[group.table].owner);
  SessionSearchPath path;
  return spi.run(statement);
}

// Constraint triggers run as the owner of a pushed table; if they have several,
// as one who is no superuser.
void PushWriter::check_deferred(const std::vector<Group>& groups) {
  Oid user = body_.tables()[groups[0].table].owner;
  for (const Group& group : groups) {
    const Oid owner = body_.tables()[group.table].owner;
    if (call([&] { return superuser_arg(user); })) user = owner;
  }
  Spi spi;
  ActingAs owner(user);
  SessionSearchPath path;
  spi.run("set constraints all immediate");
}

bool PushWriter::has_missed() { return std::exchange(has_missed_, false); }

}  // namespace tidemark::pg
