#include "pg_extension/push_rejects.h"

#include <set>
#include <utility>

namespace tidemark::pg {
namespace {

using Place = std::pair<std::string, std::string>;  // table, key

Parameter optional_parameter(const std::string& text) {
  Parameter parameter = text_parameter(text);
  parameter.is_null = text.empty();
  return parameter;
}

std::set<Place> earlier_rejects(Spi& spi, const std::string& device) {
  spi.run("select table_name, key from tidemark._reject where device = $1::uuid", {text_parameter(device)});
  std::set<Place> rejects;
  for (std::uint64_t i = 0; i < spi.rows(); ++i) {
    rejects.emplace(spi.text(i, 0).value_or(""), spi.text(i, 1).value_or(""));
  }
  return rejects;
}

}  // namespace

void note_rejects(Spi& spi, const PushBody& body, const std::string& device) {
  const std::set<Place> earlier = earlier_rejects(spi, device);
  if (!earlier.empty()) {
    for (std::uint32_t i = 0; i < body.changes().size(); ++i) {
      const Place place(body.table_name(i), body.sent_key(i));
      if (earlier.count(place) == 0) continue;
      spi.run("delete from tidemark._reject where device = $1::uuid and table_name = $2 and key = $3",
              {text_parameter(device), text_parameter(place.first), text_parameter(place.second)});
    }
  }
  for (const auto& [change, report] : body.refusals()) {
    spi.run(
        "insert into tidemark._reject (device, table_name, key, push, sqlstate, message, hint, column_name) "
        "values ($1::uuid, $2, $3, $4, $5, $6, $7, $8) on conflict do nothing",
        {text_parameter(device), text_parameter(body.table_name(change)), text_parameter(body.sent_key(change)),
         int8_parameter(body.number()), text_parameter(sqlstate_text(report.sqlstate)), text_parameter(report.message),
         optional_parameter(report.hint), optional_parameter(report.column)});
  }
}

}  // namespace tidemark::pg
