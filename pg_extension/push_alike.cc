#include "pg_extension/push_alike.h"

#include "common/quote.h"
#include "pg_extension/encode.h"
#include "pg_extension/pushed_rows.h"
#include "pg_extension/table_name.h"

namespace tidemark::pg {
namespace {

void refuse_unless_equal(PushBody& body, std::uint32_t place, const std::string& key) {
  if (key == body.changes()[place].key) return;
  body.refuse(place, {ERRCODE_INVALID_PARAMETER_VALUE,
                      "key " + std::string(body.changes()[place].key) + " is not written as the hub writes it",
                      "The hub's form is " + key + ". Write the key in that form on the device.",
                      {}});
}

void refuse_alike_keys(PushBody& body, const Layout& layout, const std::vector<std::uint32_t>& places) {
  const std::string sql = "select p.change" + key_list(layout, "t") + " from pushed p join " +
                          qualified_name(layout.relation) + " t on " + same_key_condition(layout, "t");
  Spi spi;
  PushedRows rows(body, places, false);
  rows.register_in(spi);
  spi.run(sql);
  CanonicalOutput canonical;
  for (std::uint64_t row = 0; row < spi.rows(); ++row) {
    bool is_null = false;
    const auto place = static_cast<std::uint32_t>(call([&] { return DatumGetInt32(spi.datum(row, 0, &is_null)); }));
    refuse_unless_equal(body, place, key_in_row(spi, row, 1, layout));
  }
}

}  // namespace

void refuse_alike_keys(PushBody& body) {
  for (std::uint32_t i = 0; i < body.tables().size(); ++i) {
    const PushedTable& table = body.tables()[i];
    if (!table.alike_keys || table.refusal) continue;
    std::vector<std::uint32_t> places;
    for (std::uint32_t j = 0; j < body.changes().size(); ++j) {
      if (body.changes()[j].table == i && !body.changes()[j].refused) places.push_back(j);
    }
    if (!places.empty()) refuse_alike_keys(body, *table.layout, places);
  }
}

}  // namespace tidemark::pg
