// What a command that an event trigger hears of does to values, as its parse tree says.
#include "pg_extension/guard.h"

namespace tidemark::pg {
namespace {

// The command in a row of pg_event_trigger_ddl_commands().
const CollectedCommand& command_argument(FunctionCallInfo fcinfo, int number) {
  return *reinterpret_cast<const CollectedCommand*>(PG_GETARG_POINTER(number));
}

bool is_integer(Oid type) { return type == INT2OID || type == INT4OID || type == INT8OID; }

// True for the column itself, or a cast of it.
bool is_column(const Node* expression, AttrNumber attribute) {
  if (IsA(expression, FuncExpr)) {
    const FuncExpr* const cast = castNode(FuncExpr, const_cast<Node*>(expression));
    if (cast->funcformat == COERCE_EXPLICIT_CALL || !is_integer(cast->funcresulttype)) return false;
    expression = static_cast<const Node*>(linitial(cast->args));
  }
  return IsA(expression, Var) && castNode(Var, const_cast<Node*>(expression))->varattno == attribute;
}

// True if the column has got its type by more than a cast from one integer type to
// another. (That it was one before its kind tells: definition.cc.) Inside call().
bool is_recast(const AlterTableCmd* command, Oid relation, AttrNumber attribute) {
  if (!is_integer(getBaseType(get_atttype(relation, attribute)))) return true;
  const Node* const expression = castNode(ColumnDef, command->def)->cooked_default;
  return expression != nullptr && !is_column(expression, attribute);
}

}  // namespace

// tidemark._recasts(command, column): true if an ALTER TABLE may give the values of the
// column another form, where it rewrites the table.
TIDEMARK_SQL_FUNCTION(tidemark_recasts) {
  const CollectedCommand& command = command_argument(fcinfo, 0);
  const auto attribute = PG_GETARG_INT16(1);
  if (command.type != SCT_AlterTable) return BoolGetDatum(false);
  return BoolGetDatum(call([&] {
    const Oid relation = command.d.alterTable.objectId;
    const char* const name = get_attname(relation, attribute, true);
    const ListCell* cell = nullptr;
    foreach (cell, command.d.alterTable.subcmds) {
      Node* const tree = static_cast<const CollectedATSubcmd*>(lfirst(cell))->parsetree;
      if (!IsA(tree, AlterTableCmd)) continue;
      const AlterTableCmd* const step = castNode(AlterTableCmd, tree);
      if (step->subtype != AT_AlterColumnType || name == nullptr || strcmp(step->name, name) != 0) continue;
      if (is_recast(step, relation, attribute)) return true;
    }
    return false;
  }));
}

// tidemark._renames_value(command): true if an ALTER TYPE renames a value of an enum.
TIDEMARK_SQL_FUNCTION(tidemark_renames_value) {
  const CollectedCommand& command = command_argument(fcinfo, 0);
  Node* const tree = command.parsetree;
  return BoolGetDatum(command.type == SCT_Simple && IsA(tree, AlterEnumStmt) &&
                      castNode(AlterEnumStmt, tree)->oldVal != nullptr);
}

}  // namespace tidemark::pg
