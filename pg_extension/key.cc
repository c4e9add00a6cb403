// Keys given as text, by people: tidemark.history.
#include <vector>

#include "pg_extension/convert.h"
#include "pg_extension/encode.h"
#include "pg_extension/guard.h"
#include "pg_extension/layout.h"

namespace tidemark::pg {

TIDEMARK_SQL_FUNCTION(tidemark_key) {
  const Oid relation = PG_GETARG_OID(0);
  const LayoutPtr layout = layout_of(relation);
  if (!layout) {
    const std::string name = call([&] { return get_rel_name(relation); });
    throw SqlError(ERRCODE_UNDEFINED_OBJECT, "table \"" + name + "\" is not tracked", "Run tidemark.track first.");
  }
  struct {
    Datum* texts = nullptr;
    bool* nulls = nullptr;
    int count = 0;
  } given;
  call([&] {
    ArrayType* const array = PG_GETARG_ARRAYTYPE_P(1);
    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &given.texts, &given.nulls, &given.count);
  });
  if (given.count != static_cast<int>(layout->key.size())) {
    throw SqlError(ERRCODE_INVALID_PARAMETER_VALUE,
                   "the key of table \"" + layout->table.name + "\" has " + std::to_string(layout->key.size()) +
                       " columns, " + std::to_string(given.count) + " values were given",
                   "Give one value for each, in the key's order.");
  }
  CanonicalOutput canonical;
  std::string json = "[";
  std::string scratch;
  for (int i = 0; i < given.count; ++i) {
    if (i > 0) json += ',';
    call([&] {
      Input input = input_of(layout->key[i], CurrentMemoryContext);
      WireValue value;
      if (!given.nulls[i]) {
        const auto* const part = DatumGetTextPP(given.texts[i]);
        value.type = WireValue::Type::kText;
        value.text = {VARDATA_ANY(part), VARSIZE_ANY_EXHDR(part)};
      }
      const Converted converted = convert(input, value, scratch);
      append_value(json, layout->key[i], converted.value, converted.is_null);
    });
  }
  return text_datum(json + "]");
}

}  // namespace tidemark::pg
