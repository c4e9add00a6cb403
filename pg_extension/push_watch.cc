#include "pg_extension/push_watch.h"

namespace tidemark::pg {
namespace {

PushWatch* current = nullptr;

}  // namespace

PushWatch* current_push() { return current; }

PushWatchScope::PushWatchScope(PushWatch& watch) { current = &watch; }

PushWatchScope::~PushWatchScope() { current = nullptr; }

}  // namespace tidemark::pg
