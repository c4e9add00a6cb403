// The hub's description of a table, and how it fits the one that is here.
#pragma once

#include <string>

#include "sqlite_extension/catalog.h"

namespace tidemark::device {

// Notes the hub's description of a table, and whether the two fit. `hub`: null
// if the hub does not track it.
void learn_description(sqlite3* db, TrackedTable& table, const HubTable* hub);

// Why the two sides' tables do not fit; empty if they do.
std::string misfit(const LocalTable& local, const HubTable& hub);

// What of a table that syncs is left out: a column that only one side has. Empty for nothing.
std::string left_out(const LocalTable& local, const HubTable& hub);

// The problem of a table that the hub does not track.
std::string not_tracked(const std::string& table);

}  // namespace tidemark::device
