// Hands rows of a push to a query as the relation "pushed": columns k1, k2 … for
// the key, v1, v2 … for the values, and `change`, the place in the push.
#pragma once

#include <exception>
#include <span>
#include <string>

#include "pg_extension/push_body.h"

namespace tidemark::pg {

class PushedRows {
 public:
  // `with_values`: the values of the first change's column set, which all share.
  PushedRows(PushBody& body, std::span<const std::uint32_t> changes, bool with_values);
  ~PushedRows();
  PushedRows(const PushedRows&) = delete;
  PushedRows& operator=(const PushedRows&) = delete;

  // Makes them known to an SPI connection, which must not be used afterwards.
  void register_in(Spi& spi);

 private:
  int on_entry_ = std::uncaught_exceptions();
  Tuplestorestate* store_ = nullptr;
  EphemeralNamedRelation relation_ = nullptr;
};

// "k1" operator(=) "p.k1" and …: the rows of `alias` that are pushed.
std::string same_key_condition(const Layout& layout, const std::string& alias);

// ", alias.k1, alias.k2": the key of a row in a query's result,
std::string key_list(const Layout& layout, const std::string& alias);

// and that key as JSON, where it begins in `column`. Needs a CanonicalOutput alive.
std::string key_in_row(const Spi& spi, std::uint64_t row, int column, const Layout& layout);

}  // namespace tidemark::pg
