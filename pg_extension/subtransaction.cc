#include "pg_extension/subtransaction.h"

namespace tidemark::pg {

std::string sqlstate_text(int sqlstate) { return unpack_sql_state(sqlstate); }

// What a trigger of the hub raises for one row it raises for ever, and a push that is
// repeated for ever holds back everything behind that row.
bool is_refusal(int sqlstate) {
  switch (sqlstate) {
    case ERRCODE_READ_ONLY_SQL_TRANSACTION:  // a hub that has become a standby
    case ERRCODE_LOCK_NOT_AVAILABLE:
    case ERRCODE_OBJECT_IN_USE:
    case ERRCODE_DATA_CORRUPTED:  // the hub's files, which somebody must mend
    case ERRCODE_INDEX_CORRUPTED: return false;
    case ERRCODE_CONNECTION_DOES_NOT_EXIST:  // a name that dblink does not know
    case ERRCODE_PROTOCOL_VIOLATION:
    case ERRCODE_CONFIGURATION_LIMIT_EXCEEDED:  // temp_file_limit
    case ERRCODE_UNDEFINED_FILE:                // of pg_read_file
    case ERRCODE_DUPLICATE_FILE: return true;
    default: break;
  }
  switch (ERRCODE_TO_CATEGORY(sqlstate)) {
    case ERRCODE_CONNECTION_EXCEPTION:
    case ERRCODE_TRANSACTION_ROLLBACK:
    case ERRCODE_INSUFFICIENT_RESOURCES:
    case ERRCODE_OPERATOR_INTERVENTION:
    case ERRCODE_SYSTEM_ERROR:
    case ERRCODE_SNAPSHOT_TOO_OLD:
    case ERRCODE_CONFIG_FILE_ERROR: return false;
    default: return true;
  }
}

Subtransaction::Subtransaction() {
  call([&] {
    BeginInternalSubTransaction(nullptr);
    MemoryContextSwitchTo(context_);
  });
}

void Subtransaction::release() {
  call([&] {
    ReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context_);
    CurrentResourceOwner = owner_;
  });
}

void Subtransaction::abandon() {
  call([&] {
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context_);
    CurrentResourceOwner = owner_;
  });
}

Report Subtransaction::roll_back(bool (*ends_here)(int sqlstate)) {
  ErrorData* const error = call([&] {
    MemoryContextSwitchTo(context_);
    ErrorData* const copy = CopyErrorData();
    FlushErrorState();
    RollbackAndReleaseCurrentSubTransaction();
    MemoryContextSwitchTo(context_);
    CurrentResourceOwner = owner_;
    if (!ends_here(copy->sqlerrcode)) ReThrowError(copy);
    return copy;
  });
  const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
  Report report{error->sqlerrcode, text(error->message), text(error->hint), text(error->column_name)};
  call([&] { FreeErrorData(error); });  // a push may have many of them
  return report;
}

}  // namespace tidemark::pg
