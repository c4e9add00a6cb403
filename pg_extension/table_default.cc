#include "pg_extension/table_default.h"

#include "pg_extension/encode.h"
#include "pg_extension/guard.h"
#include "pg_extension/spi.h"
#include "pg_extension/subtransaction.h"

namespace tidemark::pg {
namespace {

// The expression without domain checks and relabelling around it.
Node* core_of(Node* expression) {
  for (;;) {
    if (IsA(expression, CoerceToDomain)) {
      expression = reinterpret_cast<Node*>(castNode(CoerceToDomain, expression)->arg);
    } else if (IsA(expression, RelabelType)) {
      expression = reinterpret_cast<Node*>(castNode(RelabelType, expression)->arg);
    } else {
      return expression;
    }
  }
}

bool is_now(const Node* expression) {
  if (IsA(expression, FuncExpr)) {
    const Oid function = castNode(FuncExpr, const_cast<Node*>(expression))->funcid;
    return function == F_NOW || function == F_TRANSACTION_TIMESTAMP || function == F_STATEMENT_TIMESTAMP ||
           function == F_CLOCK_TIMESTAMP;
  }
  if (IsA(expression, SQLValueFunction)) {
    const auto op = castNode(SQLValueFunction, const_cast<Node*>(expression))->op;
    return op == SVFOP_CURRENT_TIMESTAMP || op == SVFOP_CURRENT_TIMESTAMP_N;
  }
  return false;
}

// False for what may happen to any statement, whatever it evaluates.
bool is_fault_of_an_expression(int sqlstate) {
  const int category = ERRCODE_TO_CATEGORY(sqlstate);
  return category != ERRCODE_OPERATOR_INTERVENTION && category != ERRCODE_INSUFFICIENT_RESOURCES &&
         category != ERRCODE_TRANSACTION_ROLLBACK && category != ERRCODE_SYSTEM_ERROR;
}

// The default of a column, null if it has none. Its constants are folded, unless
// that raises: an insert will too, if it does not give the value.
Node* default_of(Oid relation_id, AttrNumber attribute) {
  Node* expression = call([&] {
    const Relation relation = table_open(relation_id, AccessShareLock);
    Node* const found = build_column_default(relation, attribute);
    table_close(relation, AccessShareLock);
    return found == nullptr ? nullptr : core_of(found);
  });
  if (expression == nullptr || IsA(expression, Const)) return expression;

  Subtransaction inner;
  try {
    expression = call([&] { return core_of(eval_const_expressions(nullptr, expression)); });
  } catch (const ServerError&) {
    inner.roll_back(is_fault_of_an_expression);
    return expression;
  }
  inner.release();
  return expression;
}

}  // namespace

std::string describe_default(Oid relation_id, const Column& column) {
  const Oid owner = call([&] {
    const HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation_id));
    if (!HeapTupleIsValid(tuple)) elog(ERROR, "cache lookup failed for relation %u", relation_id);
    const Oid user = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return user;
  });
  ActingAs acting(owner);  // folding constants runs functions of the owner's choice
  Node* const expression = default_of(relation_id, column.attribute);
  if (expression == nullptr) return "";

  std::string members;
  CanonicalOutput canonical;
  call([&] {
    if (IsA(expression, Const)) {
      const Const* const constant = castNode(Const, expression);
      if (constant->constisnull) return;
      members += "\"default\":";
      append_value(members, column, constant->constvalue, false);
    } else if (column.codec == Codec::kTimestamptz && is_now(expression)) {
      members += "\"default\":{\"now\":true}";
    } else {
      members += "\"generated_default\":true";
    }
  });
  return members;
}

}  // namespace tidemark::pg
