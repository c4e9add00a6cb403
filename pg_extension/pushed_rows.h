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

}  // namespace tidemark::pg
