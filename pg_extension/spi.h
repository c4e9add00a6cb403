// Queries: plain data goes in and C++ values come out.
#pragma once

#include <cstddef>
#include <exception>
#include <initializer_list>
#include <optional>
#include <string>

#include "pg_extension/guard.h"
#include "pg_extension/pg.h"

namespace tidemark::pg {

struct Parameter {
  Oid type;
  Datum value;
  bool is_null = false;
};

Parameter text_parameter(const std::string& value);
inline Parameter int8_parameter(std::int64_t value) { return {INT8OID, Int64GetDatum(value)}; }
inline Parameter oid_parameter(Oid value) { return {OIDOID, ObjectIdGetDatum(value)}; }

// kReads sees what the calling statement sees and may run on a standby; kWrites
// sees everything committed by now.
enum class Access { kReads, kWrites };

// An SPI connection for the length of a scope. On an error the transaction's or
// subtransaction's abort closes it, so the destructor then leaves it alone.
// Memory that the server allocates meanwhile goes with it.
class Spi {
 public:
  Spi();
  ~Spi();
  Spi(const Spi&) = delete;
  Spi& operator=(const Spi&) = delete;

  // Runs one statement. Its rows stay readable until the next one. Returns how
  // many rows it gave or touched. A text that is put together is planned each time,
  using Parameters = std::initializer_list<Parameter>;
  std::uint64_t run(const std::string& sql, Parameters parameters = {}, Access access = Access::kWrites);
  // and a literal once a session: its plan is kept under its address.
  template <std::size_t size>
  std::uint64_t run(const char (&sql)[size], Parameters parameters = {}, Access access = Access::kWrites) {
    return run_kept(sql, parameters, access);
  }

  std::uint64_t rows() const { return rows_; }

  // Rows and columns count from 0. nullopt for NULL.
  std::optional<std::string> text(std::uint64_t row, int column) const;
  std::int64_t integer(std::uint64_t row, int column) const;  // int8; 0 for NULL
  Oid oid(std::uint64_t row, int column) const;
  std::string bytes(std::uint64_t row, int column) const;  // bytea; empty for NULL
  bool boolean(std::uint64_t row, int column) const;

  // Inside call().
  Datum datum(std::uint64_t row, int column, bool* is_null) const;

 private:
  std::uint64_t run_kept(const char* sql, Parameters parameters, Access access);
  template <class Execute>
  std::uint64_t execute(Parameters parameters, Execute&& body);

  int on_entry_ = std::uncaught_exceptions();
  std::uint64_t rows_ = 0;
  SPITupleTable* table_ = nullptr;
};

// Lets reads see everything committed by now, for the length of a scope: also in a
// statement that has waited since it began, and in a transaction with one snapshot.
class LatestSnapshot {
 public:
  LatestSnapshot();
  ~LatestSnapshot();
  LatestSnapshot(const LatestSnapshot&) = delete;
  LatestSnapshot& operator=(const LatestSnapshot&) = delete;

 private:
  int on_entry_ = std::uncaught_exceptions();
};

// Acts as another user for the length of a scope: that of the owner of a table,
// whose triggers and constraints must not run as the extension's owner.
class ActingAs {
 public:
  explicit ActingAs(Oid user);
  ~ActingAs();
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;

 private:
  int on_entry_ = std::uncaught_exceptions();
  Oid user_ = InvalidOid;
  int context_ = 0;
};

}  // namespace tidemark::pg
