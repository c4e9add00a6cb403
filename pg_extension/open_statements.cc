#include "pg_extension/open_statements.h"

#include <map>
#include <unordered_map>

namespace tidemark::pg {
namespace {

// A statement whose actions began more often than they ended is under way, or
// was rolled back: then it is taken for open until a statement around it begins
// or the transaction ends, which only makes the log longer.
struct Statement {
  int begun = 0;
  int ended = 0;
  bool disturbed = false;
  bool new_keys = false;

  bool is_open() const { return begun > ended; }
};

std::unordered_map<Oid, std::map<int, Statement>> tables;  // by table, by depth

}  // namespace

int trigger_depth() { return DatumGetInt32(DirectFunctionCall1(pg_trigger_depth, 0)); }

void statement_begins(Oid table, int depth) {
  auto& statements = tables[table];
  statements.erase(statements.upper_bound(depth), statements.end());
  Statement& statement = statements[depth];
  if (!statement.is_open()) statement = {};
  ++statement.begun;
}

StatementEnd statement_ends(Oid table, int depth, bool wrote_nothing) {
  StatementEnd end;
  auto& statements = tables[table];
  for (auto& [outer_depth, outer] : statements) {
    if (outer_depth >= depth) break;
    if (!outer.is_open()) continue;
    if (!wrote_nothing) outer.disturbed = true;
    end.within_another = true;
  }
  Statement& statement = statements[depth];
  ++statement.ended;
  end.has_been_disturbed = statement.disturbed;
  end.has_new_keys = statement.new_keys;
  return end;
}

void note_new_keys(Oid table, int depth) { tables[table][depth].new_keys = true; }

void forget_statements() { tables.clear(); }

}  // namespace tidemark::pg
